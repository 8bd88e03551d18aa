"""Tables for people and files for machines, from one record."""

import math
from dataclasses import replace
from io import StringIO

import pandas
import pytest
from rich.console import Console

from harness.results import store
from reports import csv, json, markdown, table, terminal


def printed(run, width=140):
    console = Console(file=StringIO(), width=width)
    for each in terminal.tables(run):
        console.print(each)
    return console.file.getvalue()


def test_a_terminal_table_says_device_seed_and_that_times_are_modelled(run):
    text = printed(run)
    assert "gelu on vgpu:T4, Tesla T4 (virtual), seed 5, times modelled\n" in text
    assert "norm on vgpu:T4, Tesla T4 (virtual), seed 5\n" in text


def test_rows_show_launches_times_speedups_idle_and_gaps(run):
    row = next(line for line in printed(run).splitlines() if "fp16-b8" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["fp16-b8", "fp16", "yes", "0.0012", "16 → 2", "80.0 → 10.0", "8.00x", "48.0 → 6.0", "8.00x",
                     "4 → 25", "8 → 1"]  # fmt: skip


def test_a_table_without_times_has_no_columns_for_them(run):
    header = [line for line in printed(run).splitlines() if "case" in line and "┃" in line][1]
    assert "wall" not in header
    assert "max error" in header


def test_the_line_below_counts_cases_and_gives_geometric_means(run):
    text = printed(run)
    assert "2 of 2 cases equal; geometric mean speedup: wall 4.00x, busy 4.00x\n" in text
    assert "0 of 2 cases equal\n" in text


def test_exceptions_of_a_suite_stand_below_its_table_with_their_reason(run):
    note = "4 times the naive error is allowed, not 2: atomics in any order"
    made, others = run.results[0], run.results[1:]
    excepted = replace(run, results=(replace(made, verdict=replace(made.verdict, notes=(note,))), *others))
    assert f"exception in 1 of 2 cases: {note}" in printed(excepted)
    assert f"- exception in 1 of 2 cases: {note}\n" in markdown.render(excepted)


def test_tables_fit_120_characters(run):
    assert max(len(line.rstrip()) for line in printed(run).splitlines()) <= 120


def test_markdown_has_a_table_a_suite_the_failures_and_the_environment(run, tmp_path):
    text = markdown.write(run, tmp_path).read_text()
    assert "times and gaps are modelled by a virtual clock, not measured" in text
    assert (
        "| fp16-b1 | fp16 | yes | 0.0012 | 4 → 2 | 20.0 → 10.0 | 2.00x | 12.0 → 6.0 | 2.00x | 14 → 25 | 2 → 1 |" in text
    )
    assert "- `norm[fp32-h0]`: output: the largest error is 3, allowed 0.1\n" in text
    assert text.index("cpu: Some") < text.index("torch: 2.13")


def test_csv_has_one_row_a_case_and_every_figure_by_name(run, tmp_path):
    frame = pandas.read_csv(csv.write(run, tmp_path))
    assert list(frame["case"]) == ["fp16-b1", "fp16-b8", "fp32-h0", "fp32-h1"]
    assert frame["wall_speedup"][1] == 8.0
    assert frame["fused_launches"][1] == 2
    assert math.isnan(frame["fused_launches"][2])
    assert set(frame["source"]) == {"modelled"}


VARIANTS = [
    ["fp16-b1", "naive eager", "4", "2", "20.0", "1.00x", "12.0", "1.00x", "14", "1.0"],
    ["", "naive, CUDA graph", "-", "not capturable", "-", "-", "-", "-", "-", "-"],
    ["", "fused", "2", "2", "10.0", "2.00x", "6.0", "2.00x", "25", "1.0"],
    ["", "fused, CUDA graph", "2", "1", "5.0", "4.00x", "4.0", "3.00x", "20", "0.5"],
]
WHY = "fp16-b1, naive, CUDA graph: not capturable: it calls cudaStreamSynchronize, which waits"


def test_every_variant_has_a_row_of_its_own_and_one_that_could_not_run_says_why(graphs):
    lines = printed(graphs).splitlines()
    place = next(place for place, line in enumerate(lines) if "variant" in line)
    assert [[cell.strip() for cell in line.strip("│").split("│")] for line in lines[place + 2 : place + 6]] == VARIANTS
    assert lines[place + 7] == WHY
    assert max(len(line) for line in lines) <= 130


def test_markdown_has_the_same_rows(graphs):
    text = markdown.render(graphs)
    assert all(f"| {' | '.join(row)} |\n" in text for row in VARIANTS)
    assert f"- {WHY}\n" in text


def test_without_variants_there_is_no_table_of_them(run):
    assert "naive eager" not in printed(run) + markdown.render(run)


def test_csv_has_the_figures_of_variants_and_why_there_are_none(graphs, tmp_path):
    (row,) = pandas.read_csv(csv.write(graphs, tmp_path)).to_dict("records")
    assert (row["fused_graph_launches"], row["fused_graph_submissions"], row["fused_graph_wall_us"]) == (2, 1, 5.0)
    assert (row["fused_graph_wall_speedup"], row["fused_graph_busy_speedup"]) == (4.0, 3.0)
    assert math.isnan(row["reference_graph_wall_us"])
    assert row["reference_graph_reason"].startswith("not capturable: ")


def test_a_run_with_variants_comes_back_from_json(graphs, tmp_path):
    assert store.load(json.write(graphs, tmp_path)).results[0].variants == graphs.results[0].variants


def test_json_is_the_run(run, tmp_path):
    assert store.to_json(store.load(json.write(run, tmp_path))) == store.to_json(run)


def test_equal_runs_write_equal_files(run, tmp_path):
    for report in (markdown, csv, json):
        first = report.write(run, tmp_path).read_bytes()
        assert report.write(run, tmp_path).read_bytes() == first


@pytest.mark.parametrize(("busy", "idle", "percent"), [(6.0, 2.0, 25.0), (0.0, 0.0, 0.0)])
def test_idle_is_a_share_of_the_projected_window(run, busy, idle, percent):
    from dataclasses import replace

    assert table.idle_percent(replace(run.results[0].fused, busy_us=busy, idle_us=idle)) == percent
