"""Where an export of Nsight Systems comes from: GPUs, processes, threads, versions, and what was recorded.

In: the small tables beside the events. Out: a `Source`, with the names of what occurs in the events.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.timeline.nsys_names import Names, Texts, distinct, processes, threads
from harness.timeline.schema import UNKNOWN, Source
from harness.timeline.sqlite_columns import Integers, Tables

_GPUS = (("TARGET_INFO_GPU", "id"), ("TARGET_INFO_CUDA_GPU", "deviceId"), ("TARGET_INFO_CUDA_GPU", "id"))
_EXPORTS = ("META_DATA_EXPORT", "EXPORT_META_DATA")
_DETAILS = {
    "EXPORT_SCHEMA_VERSION": "schema",
    "EXPORT_PRODUCT_VERSION": "Nsight Systems",
    "EXPORT_HOST": "exported on",
}
_STARTED = "TARGET_INFO_SESSION_START_TIME"
_NORMALISED, _SHIFT = "EXPORT_PARAM_TIME_NORMALIZE", "EXPORT_PARAM_TIME_SHIFT"
_CUT = "DERIVED_WINDOW_NS"  # written by tools that cut a window out of an export
_OVERHEADS = {  # ENUM_CUPTI_OVERHEAD_TYPE
    2: "Driver JIT compiler (CUDA)",
    3: "Buffer flush (Profiler)",
    4: "Instrumentation (Profiler)",
    5: "Resource creation/destruction (Profiler)",
    6: "Runtime module loading (CUDA)",
    7: "Lazy function loading (CUDA)",
    8: "Command buffer full (CUDA)",
}


def source(path: Path, tables: Tables, names: Names, frames: Mapping[str, Mapping[str, Any]]) -> Source:
    """The source; names of processes and threads only where calls or ranges have them."""
    exported = _exported(tables)
    details = {word: exported[key] for key, word in _DETAILS.items() if key in exported}
    started = _one(tables, _STARTED, "utcEpochNs")
    if started is not None:
        details["session started (unix ns)"] = str(started)
    callers = {pair for frame in (frames["calls"], frames["ranges"]) for pair in _callers(frame)}
    return Source(
        kind="nsys",
        path=str(path),
        times="measured",
        clock="unix" if exported.get(_NORMALISED) == "true" else "session",
        devices=_devices(tables),
        window=_window(tables, exported),
        details=details,
        processes=_processes(tables, {process for process, _ in callers}),
        threads=_threads(tables, names, callers),
    )


def overhead_names(names: Names, name: Integers, kind: Integers) -> Texts:
    """What was done, as the file says it; else its kind."""
    said = names.of(name)
    codes, pairs = distinct(kind, said.codes)
    return Texts([said.texts[code] or _OVERHEADS.get(each, "overhead") for each, code in pairs], codes)


def _exported(tables: Tables) -> dict[str, str]:
    for table in _EXPORTS:
        if {"name", "value"} <= tables.columns.get(table, frozenset()):
            return {str(key): str(value) for key, value in tables.rows(table, f"SELECT name, value FROM {table}")}
    return {}


def _devices(tables: Tables) -> dict[int, str]:
    for table, key in _GPUS:
        if {key, "name"} <= tables.columns.get(table, frozenset()):
            rows = tables.rows(table, f"SELECT {key}, name FROM {table}")
            return {device: str(name) for device, name in rows if isinstance(device, int) and name}
    return {}


def _window(tables: Tables, exported: Mapping[str, str]) -> tuple[int, int] | None:
    """The session: events count from its start, or, normalised, from 1970; shifted where the user asked for it."""
    if found := re.fullmatch(r"(\d{1,18})-(\d{1,18})", exported.get(_CUT, "")):
        return int(found[1]), int(found[2])
    length = _one(tables, "ANALYSIS_DETAILS", "duration")
    zero = _one(tables, _STARTED, "utcEpochNs") if exported.get(_NORMALISED) == "true" else 0
    shift = exported.get(_SHIFT, "0")
    if length is None or length <= 0 or zero is None or not re.fullmatch(r"-?\d{1,18}", shift):
        return None
    return zero + int(shift), zero + int(shift) + length


def _one(tables: Tables, table: str, column: str) -> int | None:
    if column not in tables.columns.get(table, frozenset()):
        return None
    rows = tables.rows(table, f"SELECT {column} FROM {table} LIMIT 1")
    return rows[0][0] if rows and isinstance(rows[0][0], int) else None


def _processes(tables: Tables, wanted: set[int]) -> dict[int, str]:
    if not {"globalPid", "name"} <= tables.columns.get("PROCESSES", frozenset()):
        return {}
    rows = tables.rows("PROCESSES", "SELECT globalPid, name FROM PROCESSES")
    named = {key >> 24 & 0xFFFFFF: str(name) for key, name in rows if isinstance(key, int) and name}
    return {process: named[process] for process in sorted(wanted & named.keys())}


def _threads(tables: Tables, names: Names, wanted: set[tuple[int, ...]]) -> dict[tuple[int, int], str]:
    if not {"globalTid", "nameId"} <= tables.columns.get("ThreadNames", frozenset()):
        return {}
    row = tables.integers("ThreadNames", {"globalTid": UNKNOWN, "nameId": UNKNOWN})
    texts = names.of(row["nameId"]).rows()
    pairs = zip(processes(row["globalTid"]).tolist(), threads(row["globalTid"]).tolist(), strict=True)
    return {pair: text for pair, text in zip(pairs, texts, strict=True) if pair in wanted and text}


def _callers(columns: Mapping[str, Any]) -> list[tuple[int, ...]]:
    return distinct(columns["process"], columns["thread"])[1]
