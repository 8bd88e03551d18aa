"""Tables of a timeline, in every format."""

import csv
import io
import json

import pytest
from rich.console import Console

from harness.timeline.figures import figures
from harness.timeline.overview import overview
from reports.timeline import csv as as_csv
from reports.timeline import json as as_json
from reports.timeline import markdown, tables, terminal
from tests.timeline.traces import annotation, call, kernel, trace

EVENTS = (
    annotation("gelu reference", 0, 50), call(1, 1), call(4, 2), kernel(10, 1, name="a<4>"), kernel(17, 2, name="b"),
    annotation("gelu fused", 100, 50), call(101, 3), kernel(110, 3, name="c"),
    annotation("doubtful", 200, 50), call(201, 4),
)  # fmt: skip


@pytest.fixture(scope="module")
def shown():
    return overview(figures(trace(*EVENTS, deviceProperties=[{"id": 0, "name": "Test GPU"}])))


def printed(shown, width=140):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(terminal.renderable(shown))
    return console.file.getvalue()


def test_the_heading_says_where_times_come_from(shown):
    assert tables.heading(shown).endswith("trace.json (torch.profiler), times measured; device 0: Test GPU")


def cells(table, label):
    (row,) = (row for row in table.rows if row[0] == label)
    return dict(zip(table.headings, row, strict=True))


def test_launches_and_windows_of_device_and_ranges(shown):
    launches = tables.tables(shown)[0]
    assert cells(launches, "all of device 0") == {
        "range": "all of device 0", "device": "0", "ranges": "-", "host µs": "-", "launches": "3", "submissions": "3",
        "copies, sets": "0, 0", "window µs": "105.0", "busy µs": "15.0", "idle %": "85.7",
    }  # fmt: skip
    assert cells(launches, "gelu reference")["window µs"] == "12.0"
    assert cells(launches, "gelu reference")["idle %"] == "16.7"


def test_what_is_withheld_says_so_with_the_reason(shown):
    launches = tables.tables(shown)[0]
    row = cells(launches, "doubtful")
    assert {row[name] for name in ("launches", "submissions", "window µs", "busy µs", "idle %")} == {"withheld"}
    assert row["host µs"] == "50.0"
    assert launches.notes == ("withheld for doubtful: launch calls in it without an operation: 1",)
    assert tables.findings(shown) == [
        "lost operations: 1, launch calls have none: it ran after the recording, or is lost"
    ]


def test_gaps_are_shown_by_cause_and_only_causes_that_occur(shown):
    gaps = tables.tables(shown)[1]
    assert gaps.headings == ("range", "device", "gaps", "largest µs", "idle µs", "host-bound µs", "launch latency µs")
    assert cells(gaps, "all of device 0")["host-bound µs"] == "88.0"
    assert cells(gaps, "gelu reference")["launch latency µs"] == "2.0"


def test_reference_and_fused_stand_side_by_side(shown):
    (row,) = tables.tables(shown)[2].rows
    assert row == ("gelu", "2 → 1", "12.0 → 5.0", "2.40x", "10.0 → 5.0", "2.00x", "16.7 → 0.0", "1 → 0")


def test_kernels_are_the_last_table(shown):
    kernels = tables.tables(shown)[-1]
    assert cells(kernels, "a<4>") == {
        "kernel": "a<4>", "count": "1", "total µs": "5.0", "mean µs": "5.0", "largest µs": "5.0", "delay µs": "9.0",
    }  # fmt: skip


def test_a_terminal_cuts_names_and_never_numbers(shown):
    wide = overview(figures(trace(annotation("r" * 300, 0, 50), call(1, 1), kernel(123456789, 1, name="k" * 300))))
    text = printed(wide)
    assert "k…" in text
    assert "123,456,788.0" in text
    assert max(map(len, text.splitlines())) <= 140
    assert "gelu reference" in printed(shown)


def test_a_terminal_gets_no_control_characters_from_names():
    name = "red \x1b[31m and\nanother line"
    text = printed(overview(figures(trace(annotation(name, 0, 50), call(1, 1), kernel(5, 1, name=name)))))
    assert "\x1b" not in text
    assert text.count("red ?[31m and?another line") == 3  # launches, gaps, kernels


def test_a_figure_that_is_withheld_on_one_device_says_on_which():
    events = [annotation("work", 0, 50), call(1, 1), kernel(5, 1, device=1), kernel(30, 99, device=1)]
    launches = tables.tables(overview(figures(trace(*events))))[0]
    assert launches.notes == ("withheld for work on device 1: operations without a call, perhaps launched in it: 1",)


def test_markdown_escapes_what_names_hold(shown):
    text = markdown.render(shown)
    assert "| a\\<4\\> | 1 | 5.0 |" in text
    assert "## Findings\n\n- lost operations: 1" in text


def test_csv_has_a_row_for_each_device_range_and_kernel(shown):
    rows = list(csv.DictReader(io.StringIO(as_csv.render(shown))))
    assert [row["table"] for row in rows] == ["device", *["range"] * 3, *["kernel"] * 3]
    by_name = {row["range"]: row for row in rows if row["table"] == "range"}
    assert (by_name["gelu reference"]["busy_ns"], by_name["doubtful"]["busy_ns"]) == ("10000", "")
    assert by_name["doubtful"]["withheld"] == "launch calls in it without an operation: 1"


def test_json_has_every_figure_as_an_integer_and_null_for_what_is_withheld(shown):
    document = json.loads(as_json.render(shown))
    assert document["source"]["times"] == "measured"
    assert document["devices"][0]["busy_ns"] == 15_000
    assert [row["launches"] for row in document["ranges"]] == [2, 1, None]
    assert document["comparisons"][0]["busy_speedup"] == 2.0
    assert document["kernels"]["all operations"][0]["count"] == 1
    assert document["findings"][0]["name"] == "lost operations"


def test_too_many_ranges_are_cut_to_the_longest(monkeypatch, shown):
    monkeypatch.setattr(tables, "MOST_ROWS", 1)
    launches, *_ = tables.tables(shown)
    assert [row[0] for row in launches.rows] == ["all of device 0", "gelu reference"]
    assert "shorter ranges that are not shown: 2; --range NAME shows one, --format csv or json all" in launches.notes


def test_an_empty_trace_has_tables_too():
    empty = overview(figures(trace(annotation("work", 0, 1))))
    assert "device none" in tables.heading(empty)
    for rendering in (markdown, as_csv, as_json):
        assert rendering.render(empty)
    assert "ranges that launched nothing" in markdown.render(empty) or printed(empty)
