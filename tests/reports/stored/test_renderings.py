"""A stored run as people and programs read it: terminal, Markdown, CSV, LaTeX."""

import csv as plain_csv
import io
import re
from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console

from reports.stored import csv, latex, markdown, terminal
from tests.reports.stored.runs import RUN, case, without_counts, without_profiles

FORMATS = {"markdown": markdown, "csv": csv, "latex": latex}


def printed(run=RUN, width=140):
    console = Console(file=io.StringIO(), width=width)
    console.print(terminal.renderable(run))
    return console.file.getvalue()


def test_the_terminal_shows_speedups_launches_and_kernels_one_below_the_other():
    text = printed()
    titles = ["encoder_layer on vgpu:T4", "Launches on vgpu:T4", "What the kernels move, on vgpu:T4"]
    assert sorted(titles, key=text.index) == titles
    assert re.search(r"encoder_layer\[fp16-b1-s32\] │ +17 → 8 │ +8 │ +14 │ +about 50 │ +about 24 │", text)


@pytest.mark.parametrize("width", [80, 140])
def test_on_the_terminal_no_figure_and_no_name_is_cut(width):
    text = printed(width=width)
    kernels = text[text.index("What the kernels move") :]
    for figure in ("1,024", "2,024", "withheld", "99.9", "1.024"):
        assert figure in kernels
    assert "…" not in kernels


def test_markdown_has_a_section_a_table_with_its_notes():
    text = markdown.render(RUN)
    assert text.count("\n## ") + text.startswith("## ") == 5
    assert r"| encoder\_layer\[fp16-b1-s32\] | 17 → 8 | 8 | 14 | about 50 | about 24 |" in text
    assert "- not counted: 1 of 3 cases\n" in text


def test_csv_tells_its_tables_apart_and_each_file_holds_one(tmp_path):
    frame = pd.read_csv(io.StringIO(csv.render(RUN)))
    assert frame["table"].value_counts().to_dict() == {"speedups": 3, "launches": 2, "kernels": 4}
    assert [path.name for path in csv.write(RUN, tmp_path)] == ["speedups.csv", "launches.csv", "kernels.csv"]
    kernels = pd.read_csv(tmp_path / "kernels.csv")
    assert list(kernels["dram_bytes"]) == [1024, 2024, 1024, 1024]


def test_a_file_without_figures_has_headings_alone(tmp_path):
    csv.write(without_counts(), tmp_path)
    (headings,) = plain_csv.reader((tmp_path / "kernels.csv").open())
    assert {"device", "source", "suite", "dram_read_bytes", "traffic"} <= set(headings)


@pytest.mark.parametrize("rendering", [markdown, latex], ids=["markdown", "latex"])
def test_where_there_is_no_table_a_sentence_stands_for_it(rendering, tmp_path):
    bare = without_counts(without_profiles())
    text = rendering.render(bare)
    assert "No launches: this run holds no profiles" in text
    assert "No counters: this run holds none; fuseproof run " in text
    files = {path.stem: path.read_text() for path in rendering.write(bare, tmp_path)}
    assert files["kernels"].startswith("No counters")


def test_equal_runs_write_equal_files(tmp_path):
    for rendering in FORMATS.values():
        paths = rendering.write(RUN, tmp_path)
        first = [path.read_bytes() for path in paths]
        assert [path.read_bytes() for path in rendering.write(RUN, tmp_path)] == first


# --- LaTeX ----------------------------------------------------------------------------------------------------------


def tables(text):
    return re.findall(r"\\begin{table}.*?\\end{table}\n", text, re.DOTALL)


def test_latex_writes_a_file_a_table(tmp_path):
    assert [path.name for path in latex.write(RUN, tmp_path)] == [
        "speedups-encoder_layer.tex", "variants-encoder_layer.tex", "speedups-bias_gelu.tex", "launches.tex",
        "kernels.tex",
    ]  # fmt: skip


def test_every_row_has_as_many_cells_as_the_table_has_columns():
    made = tables(latex.render(RUN))
    assert len(made) == 5
    for table in made:
        columns = re.search(r"\\begin{tabular}{@{}(l+r+)@{}}", table)[1]
        body = table[table.index(r"\toprule") : table.index(r"\bottomrule")]
        rows = [line for line in body.splitlines() if line.endswith(r" \\")]
        assert len(rows) >= 2
        assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {len(columns)}


def test_rules_are_those_of_booktabs_and_the_file_says_what_it_needs(tmp_path):
    text = {path.name: path.read_text() for path in latex.write(RUN, tmp_path)}["kernels.tex"]
    assert text.startswith("% needs \\usepackage{booktabs,graphicx}\n")
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\hline")] == [1, 1, 1, 0]
    assert r"\caption{What the kernels move, on vgpu:T4, Tesla T4 (virtual), fp16 and fp32, counted}" in text
    assert r"\label{tab:kernels}" in text


def test_each_modelled_table_carries_the_error_of_the_model(tmp_path):
    for path in latex.write(RUN, tmp_path):
        assert ("model's error" in path.read_text()) == ("speedups" in path.name or "variants" in path.name)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("bias_gelu", r"bias\_gelu"),
        ("100 %, a&b #1 $x {y}", r"100 \%, a\&b \#1 \$x \{y\}"),
        ("k<float>|x", r"k\textless{}float\textgreater{}\textbar{}x"),
        ("a\\b^c~d", r"a\textbackslash{}b\textasciicircum{}c\textasciitilde{}d"),
        ("[fp16] *", "{[}fp16{]} {*}"),
        ("17 → 8 µs ÷ 2", r"17 $\rightarrow$ 8 $\mu$s $\div$ 2"),
        ("run --counters", "run -{}-counters"),
        ("fp16-b1", "fp16-b1"),
        ("two\nlines", "two lines"),
        ("é 中", "U+00E9 U+4E2D"),
    ],
)
def test_signs_that_latex_reads_are_escaped(text, escaped):
    assert latex.escaped(text) == escaped


def test_the_files_are_ascii(tmp_path):
    assert all(path.read_bytes().isascii() for path in latex.write(RUN, tmp_path))


def test_a_long_table_goes_on_in_further_floats_and_notes_come_last():
    results = tuple(case("norm", f"fp16-b{batch}", "fp16", 2, 1, launch_budget=1) for batch in range(90))
    made = [table for table in tables(latex.render(replace(RUN, results=results))) if "{Launches" in table]
    assert [re.search(r"\((\d of \d)\)}\\label{(.*?)}", table).groups() for table in made] == [
        ("1 of 3", "tab:launches"), ("2 of 3", "tab:launches-2"), ("3 of 3", "tab:launches-3"),
    ]  # fmt: skip
    assert [table.count("norm{[}fp16-b") for table in made] == [40, 40, 10]
    assert ["Naive launches" in table for table in made] == [False, False, True]
