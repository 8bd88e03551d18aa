"""Reads an export of Nsight Systems (`nsys export --type sqlite`), of any schema from 2.9 to 3.25.

In: a SQLite file. Out: a `Timeline`. No table and no column is taken for granted: what is missing is unknown, or comes
from what older schemas had instead. Calls and operations belong together by correlation id and process: ids of two
processes collide. Times stay as the file has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from harness.errors import FuseproofError
from harness.timeline import nsys_nvtx, nsys_operations
from harness.timeline.nsys_file import cut_off, opened
from harness.timeline.nsys_names import UNIFIED, Names, Texts, api_name, copy_names, distinct, processes, threads
from harness.timeline.nsys_rows import CUPTI, PLACE, TIMES, UNREADABLE, Columns, empty, framed, joined, readable
from harness.timeline.nsys_source import overhead_names, source
from harness.timeline.schema import CALLS, OVERHEADS, RANGES, SYNCS, UNKNOWN, Finding, Timeline, timeline
from harness.timeline.sqlite_columns import Integers, Tables

_CALLS = (f"{CUPTI}RUNTIME", f"{CUPTI}DRIVER")
_OVERHEADS = ("PROFILER_OVERHEAD", f"{CUPTI}OVERHEAD")
_APIS = ("runtime", "driver")
_DRIVER = 1  # ENUM_NSYS_EVENT_CLASS
_SYNC_CALLS = {
    "StreamWaitEvent": "stream wait event", "EventSynchronize": "event", "StreamSynchronize": "stream",
    "CtxSynchronize": "context", "DeviceSynchronize": "context",
}  # fmt: skip
_SYNC_KINDS = {1: "event", 2: "stream wait event", 3: "stream", 4: "context"}  # CUpti_ActivitySynchronizationType
_NO_STREAM = 0xFFFFFFFF  # CUPTI_SYNCHRONIZATION_INVALID_VALUE


def load(path: Path) -> Timeline:
    """The timeline in a .sqlite file."""
    with opened(path) as tables:
        names = Names(tables)
        calls = _calls(tables, names)
        operations, process_of = nsys_operations.with_processes(nsys_operations.operations(tables, names), calls)
        frames = {
            "operations": operations,
            "calls": calls,
            "ranges": nsys_nvtx.ranges(tables, names, UNREADABLE) or empty(RANGES),
            "syncs": _syncs(tables, calls),
            "overheads": _overheads(tables, names),
        }
        kept = {name: readable(columns) for name, columns in frames.items()}
        dropped = sum(len(columns["start"]) - len(kept[name]["start"]) for name, columns in frames.items())
        if tables.broken and not any(len(columns["start"]) for columns in kept.values()):
            raise FuseproofError(
                f"{path} is cut off: {cut_off(path)}, and no event can be read; export the report again"
            )
        return timeline(
            source(path, tables, names, kept),
            **{name: framed(columns) for name, columns in kept.items()},
            findings=(*_findings(path, tables, kept, dropped), *process_of),
        )


def _calls(tables: Tables, names: Names) -> Columns:
    """Calls of the runtime and of the driver: one table with event classes, or one each."""
    parts = []
    for table in _CALLS:
        if table in tables.columns:
            row = tables.integers(
                table,
                {"eventClass": UNKNOWN, "globalTid": UNKNOWN, "correlationId": 0, "nameId": UNKNOWN},
                strict=TIMES,
            )
            name = names.of(row["nameId"], api_name)
            by_name = np.array([re.match("cu[A-Z]", text) is not None for text in name.texts], bool)
            said = np.isin(row["eventClass"], (0, _DRIVER))
            driver = np.where(said, row["eventClass"] == _DRIVER, by_name[name.codes] | table.endswith("DRIVER"))
            parts.append(
                {
                    "name": name,
                    "api": Texts(_APIS, driver.astype(np.int64)),
                    "start": row["start"],
                    "end": row["end"],
                    "process": processes(row["globalTid"]),
                    "thread": threads(row["globalTid"]),
                    "correlation": np.maximum(row["correlationId"], 0),
                }
            )
    return joined(parts) if parts else empty(CALLS)


def _syncs(tables: Tables, calls: Columns) -> Columns:
    """Waits, with thread and kind of their calls: the numbers of kinds are wrong in some exports."""
    table = f"{CUPTI}SYNCHRONIZATION"
    if table not in tables.columns:
        return empty(SYNCS)
    row = tables.integers(table, {**PLACE, "syncType": 0}, strict=TIMES)
    process, correlation = processes(row["globalPid"]), np.maximum(row["correlationId"], 0)
    caller = _callers(process, correlation, calls)
    codes, kinds = distinct(row["syncType"], _at(calls["name"].codes, caller))
    names = calls["name"].texts
    return {
        "kind": Texts([_sync_kind(kind, names[call] if call >= 0 else "") for kind, call in kinds], codes),
        "start": row["start"],
        "end": row["end"],
        "process": process,
        "thread": _at(calls["thread"], caller),
        "device": row["deviceId"],
        "stream": np.where(row["streamId"] == _NO_STREAM, UNKNOWN, row["streamId"]),
        "correlation": correlation,
    }


def _callers(process: Integers, correlation: Integers, calls: Columns) -> Integers:
    """The row of each wait's call; UNKNOWN where there is none."""
    both = np.concatenate([correlation, calls["correlation"]])
    keys, _ = distinct(np.concatenate([process, calls["process"]]), both)
    rows = np.full(keys.max(initial=0) + 1, UNKNOWN, np.int64)
    rows[keys[len(process) :]] = np.arange(len(calls["start"]))
    return np.where(correlation > 0, rows[keys[: len(process)]], UNKNOWN)


def _at(values: Integers, rows: Integers) -> Integers:
    return np.append(values, UNKNOWN)[rows]  # row UNKNOWN is the last one


def _sync_kind(number: int, call: str) -> str:
    by_call = (kind for part, kind in _SYNC_CALLS.items() if part in call)
    return next(by_call, _SYNC_KINDS.get(number, "unknown"))


def _overheads(tables: Tables, names: Names) -> Columns:
    """What the profiler did, and what the driver did that it reports alike (loading modules, full command buffers)."""
    parts = []
    for table in _OVERHEADS:
        if table in tables.columns:
            row = tables.integers(
                table, {"globalTid": UNKNOWN, "nameId": UNKNOWN, "overheadType": UNKNOWN}, strict=TIMES
            )
            parts.append(
                {
                    "name": overhead_names(names, row["nameId"], row["overheadType"]),
                    "start": row["start"],
                    "end": row["end"],
                    "process": processes(row["globalTid"]),
                    "thread": threads(row["globalTid"]),
                }
            )
    return joined(parts) if parts else empty(OVERHEADS)


def _findings(path: Path, tables: Tables, kept: Mapping[str, Columns], dropped: int) -> Iterator[Finding]:
    if tables.cut_off:
        rows = sum(len(columns["start"]) for columns in kept.values())
        yield Finding(
            "truncated", 1,
            f"the file breaks off: {cut_off(path)}, {rows:,} events could be read, the others are missing",
        )  # fmt: skip
    if dropped:
        yield Finding("unreadable times", dropped, f"{dropped:,} events have no readable time and were left out")
    operations = kept["operations"]
    unified = _unified(operations)
    if unified:
        yield Finding(
            "unified memory", unified, f"{unified:,} copies moved pages of unified memory: no call asked for them"
        )
    if not len(operations["start"]):
        yield Finding(
            "no operations", 1,
            "nothing that ran on a GPU was recorded: profile with nsys profile --trace=cuda,nvtx",
        )  # fmt: skip
    elif not len(kept["calls"]["start"]):
        yield Finding(
            "no calls", 1,
            "no calls of the CUDA API were recorded: no operation has a range or a launch delay, no gap has a cause",
        )  # fmt: skip


def _unified(operations: Columns) -> int:
    if not len(operations["start"]):
        return 0
    unsaid = np.full(len(UNIFIED), UNKNOWN)
    words = tuple(copy_names(np.array(UNIFIED), unsaid, unsaid).texts)
    name = operations["name"]
    return int(np.array([text.startswith(words) for text in name.texts], bool)[name.codes].sum())
