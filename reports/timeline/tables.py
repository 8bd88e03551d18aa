"""The tables that every report of a timeline shows.

In: an `Overview`. Out: `Table`s of text, with the reasons for what is withheld and the source's findings below; and the
same figures by name, for machines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import pandas as pd

from harness.timeline.figures import CAUSE_COLUMNS
from harness.timeline.overview import Comparison, Overview
from harness.timeline.schema import UNKNOWN
from harness.validation.stated import stated_error
from reports.grid import Table

NOTHING = "-"
WITHHELD = "withheld"
MOST_ROWS = 25  # a table for a person; machines get every row

Row: TypeAlias = Mapping[str, Any]


def heading(overview: Overview) -> str:
    """What a reader must know of the source: file or case, format, devices, measured or modelled times."""
    source = overview.figures.timeline.source
    names = [f"{row['device']}: {row['name'] or 'unnamed'}" for row in overview.figures.devices.to_dict("records")]
    kinds = {"kineto": "torch.profiler", "nsys": "Nsight Systems", "vgpu": "vgpu", "nvtx": "NVTX"}
    what = source.path or ", ".join(source.details[name] for name in ("case", "dtype") if name in source.details)
    where = f"{what} ({kinds[source.kind]})" if what else kinds[source.kind]
    return f"{where}, times {source.times}; device {', '.join(names) or 'none'}"


def tables(overview: Overview) -> list[Table]:
    """All that have rows."""
    made = [_launches(overview), _gaps(overview), _comparisons(overview), *_kernels(overview)]
    return [table for table in made if table.rows]


def stated_errors(overview: Overview) -> str:
    """How far modelled times are from published ones; nothing where times are measured."""
    return stated_error() if overview.figures.timeline.source.times == "modelled" else ""


def findings(overview: Overview) -> list[str]:
    """What is wrong with the source, a sentence each."""
    return [finding.sentence for finding in overview.figures.findings]


def micros(nanoseconds: Any) -> str:
    """As 1,234.5"""
    return f"{nanoseconds / 1e3:,.1f}"


def _count(value: Any) -> str:
    return f"{int(value):,}"


def _idle(row: Row) -> str:
    return f"{100 * row['idle_ns'] / row['window_ns']:.1f}" if row["window_ns"] else "0.0"


Cells: TypeAlias = tuple[tuple[str, Callable[[Row], str]], ...]
_COUNTS: Cells = (
    ("launches", lambda row: _count(row["launches"])),
    ("submissions", lambda row: _count(row["submissions"])),
    ("copies, sets", lambda row: f"{_count(row['copies'])}, {_count(row['memsets'])}"),
)
_WINDOW: Cells = (
    ("window µs", lambda row: micros(row["window_ns"])),
    ("busy µs", lambda row: micros(row["busy_ns"])),
    ("idle %", _idle),
)
_GAPS: Cells = (
    ("gaps", lambda row: _count(row["gaps"])),
    ("largest µs", lambda row: micros(row["largest_gap_ns"])),
    ("idle µs", lambda row: micros(row["idle_ns"])),
)


def _spent(column: str) -> Callable[[Row], str]:
    return lambda row: micros(row[column])


_CAUSES: Cells = tuple((f"{cause.value} µs", _spent(column)) for cause, column in CAUSE_COLUMNS.items())


def _counts(row: Row) -> Iterator[str]:
    for _, cell in _COUNTS:
        yield WITHHELD if row["withheld"] else cell(row)


def _window(row: Row, cells: Cells) -> Iterator[str]:
    for _, cell in cells:
        if row["withheld_window"]:
            yield WITHHELD
        else:
            yield NOTHING if pd.isna(row["window_ns"]) else cell(row)


def _rows(overview: Overview) -> list[Row]:
    """Each device as a whole, then the ranges: the longest of them, in their order, where there are too many."""
    whole = [
        {**row, "label": f"all of device {row['device']}", "ranges": None, "host_ns": None}
        for row in overview.figures.devices.to_dict("records")
    ]
    ranges = overview.ranges.to_dict("records")
    shown = sorted(sorted(range(len(ranges)), key=lambda index: _length(ranges[index]))[:MOST_ROWS])
    return [*whole, *(ranges[index] for index in shown)]


def _launches(overview: Overview) -> Table:
    rows = _rows(overview)
    notes = [
        f"withheld for {row['label']}{_on_device(row)}: {why}"
        for row in rows
        if (why := row["withheld"] or row["withheld_window"])
    ]
    if (hidden := len(overview.ranges) - MOST_ROWS) > 0:
        notes.append(f"shorter ranges that are not shown: {hidden:,}; --range NAME shows one, --format csv or json all")
    if overview.silent:
        notes.append(f"ranges that launched nothing: {overview.silent:,}")
    return Table(
        "Launches of each range's own thread; the window is from their first start to their last end",
        ("range", "device", "ranges", "host µs", *(name for name, _ in (*_COUNTS, *_WINDOW))),
        1,
        tuple(
            (row["label"], _device(row), _ranges(row), _host(row), *_counts(row), *_window(row, _WINDOW))
            for row in rows
        ),
        tuple(notes),
    )


def _gaps(overview: Overview) -> Table:
    """Without the causes that occur nowhere."""
    rows = [row for row in _rows(overview) if not row["withheld_window"] and pd.notna(row["window_ns"])]
    columns = CAUSE_COLUMNS.values()
    causes = tuple(cell for cell, column in zip(_CAUSES, columns, strict=True) if any(row[column] for row in rows))
    return Table(
        "Gaps in the window, when no kernel, copy or memset ran on the device, and their causes",
        ("range", "device", *(name for name, _ in (*_GAPS, *causes))),
        1,
        tuple((row["label"], _device(row), *_window(row, (*_GAPS, *causes))) for row in rows),
    )


def _length(row: Row) -> float:
    return -max(0 if pd.isna(row[name]) else row[name] for name in ("window_ns", "host_ns"))


def _on_device(row: Row) -> str:
    return "" if row["ranges"] is None or row["device"] == UNKNOWN else f" on device {row['device']}"


def _device(row: Row) -> str:
    return NOTHING if row["device"] == UNKNOWN else str(row["device"])


def _ranges(row: Row) -> str:
    return NOTHING if row["ranges"] is None else _count(row["ranges"])


def _host(row: Row) -> str:
    if row["ranges"] is None:
        return NOTHING
    return WITHHELD if pd.isna(row["host_ns"]) else micros(row["host_ns"])


def _comparisons(overview: Overview) -> Table:
    return Table(
        "Reference → fused: means of one range",
        ("range", "launches", "window µs", "window", "busy µs", "busy", "idle %", "gaps"),
        1,
        tuple(_comparison(each) for each in overview.comparisons),
    )


def _comparison(each: Comparison) -> tuple[str, ...]:
    def both(column: str, cell: Callable[[Row], str]) -> str:
        rows = (each.reference, each.fused)
        return " → ".join(WITHHELD if pd.isna(row[column]) else cell(row) for row in rows)

    def mean(column: str, text: Callable[[float], str]) -> str:
        return both(column, lambda row: text(row[column] / row["ranges"]))

    def speedup(column: str) -> str:
        ratio = each.speedup(column)
        return f"{ratio:.2f}x" if ratio else NOTHING

    return (
        each.name,
        mean("launches", lambda value: f"{value:,.4g}"),
        mean("window_ns", micros),
        speedup("window_ns"),
        mean("busy_ns", micros),
        speedup("busy_ns"),
        both("idle_ns", _idle),
        mean("gaps", lambda value: f"{value:,.4g}"),
    )


def _kernels(overview: Overview) -> Iterator[Table]:
    for kernels in overview.kernels:
        rows = kernels.table.to_dict("records")
        hidden = len(rows) - MOST_ROWS
        yield Table(
            f"Kernels of {kernels.title}",
            ("kernel", "count", "total µs", "mean µs", "largest µs", "delay µs"),
            1,
            tuple(_kernel(row) for row in rows[:MOST_ROWS]),
            (f"kernels that are not shown: {hidden:,}; --format csv or json shows all",) if hidden > 0 else (),
        )


def _kernel(row: Row) -> tuple[str, ...]:
    times = (row[name] for name in ("total_ns", "mean_ns", "largest_ns", "delay_ns"))
    return (row["kernel"], _count(row["count"]), *(NOTHING if pd.isna(time) else micros(time) for time in times))
