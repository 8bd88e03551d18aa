"""fuseproof import: tables of a trace, or one sentence."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness import cli
from tests.timeline.traces import annotation, call, kernel, text

DATA = Path(__file__).parents[1] / "timeline" / "data"


@pytest.fixture
def imported(fuseproof):
    """`imported(*arguments)` runs the command: exit code, output, errors."""
    return lambda *arguments: fuseproof("import", *map(str, arguments))


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "trace.json"
    path.write_text(text(annotation("step", 0, 50), call(1, 1), kernel(10, 1), call(4, 2), kernel(20, 2, device=1)))
    return path


def test_a_kineto_trace_prints_its_tables(imported):
    code, out, _ = imported(DATA / "tracelens_h100_bert_small.json.gz")
    assert code == 0
    assert "device 0: NVIDIA H100 80GB HBM3" in out
    assert "ProfilerStep#6" in out
    assert "92.1" in out  # idle %


def test_an_export_of_nsight_systems_prints_the_same_tables(imported):
    code, out, _ = imported(DATA / "nsysai_mock.sqlite", "--format", "json")
    assert code == 0
    assert json.loads(out)["devices"][0]["launches"] == 2


@pytest.mark.parametrize("format_", ["terminal", "markdown", "csv", "json"])
def test_every_format_names_the_range(imported, trace, format_):
    code, out, err = imported(trace, "--format", format_, "--range", "step")
    assert (code, err) == (0, "")
    assert "step" in out


def test_one_device_may_be_chosen(imported, trace):
    _, out, _ = imported(trace, "--device", "1", "--format", "json")
    document = json.loads(out)
    assert [row["device"] for row in document["devices"]] == [1]
    assert document["kernels"]["all operations"][0]["count"] == 1


def test_a_trace_for_perfetto_is_written_beside(imported, trace, tmp_path):
    code, _, err = imported(trace, "--perfetto", tmp_path / "out.json")
    assert code == 0
    assert json.loads((tmp_path / "out.json").read_text())["traceEvents"]
    assert "out.json" in err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty"),
        ("no trace", "is no trace: it is no JSON"),
        ("SQLite format 3\0 and nothing of it", "damaged"),
        ('{"traceEvents": [{]}', "is damaged at byte 18, behind 0 events: a key is missing; export it again"),
    ],
)
def test_a_damaged_or_foreign_file_is_one_sentence_and_exit_code_2(imported, tmp_path, content, sentence):
    path = tmp_path / "file"
    path.write_text(content)
    code, out, err = imported(path)
    assert (code, out) == (2, "")
    assert err.startswith(f"fuseproof: {path}")
    assert sentence in err
    assert err.count("\n") == 1


def test_a_report_of_nsight_systems_says_how_to_export_it(imported, tmp_path):
    path = tmp_path / "run.nsys-rep"
    path.write_bytes(b"\x01\x02")
    assert f"nsys export --type sqlite {path}" in imported(path)[2]


def test_a_missing_file_and_a_folder_are_one_sentence(imported, tmp_path):
    assert "cannot be read: No such file or directory" in imported(tmp_path / "nothing")[2]
    assert "cannot be read: Is a directory" in imported(tmp_path)[2]


def test_a_truncated_trace_says_how_much_was_read(imported, trace):
    trace.write_text(trace.read_text()[:-60])
    code, out, _ = imported(trace)
    assert code == 0
    assert "the file breaks off: 4 events in" in out
    assert "withheld" in out


def test_help_of_import_loads_nothing_heavy():
    code = (
        "import sys; from harness.cli import app\n"
        "try: app(['import', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'cffi', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    root = Path(cli.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "--perfetto" in done.stdout
