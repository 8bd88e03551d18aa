"""Reads a trace of torch.profiler (Kineto): device operations, the calls that submitted them, annotated ranges, waits.

In: the JSON that `export_chrome_trace` writes, plain or gzipped, of any version since 2021. Out: a `Timeline`. Time
stamps are microseconds with decimals, absolute or relative to `baseTimeNanoseconds`; they become nanoseconds digit by
digit. Kineto does not say which process an operation belongs to: it is the one whose call has its correlation id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import FuseproofError
from harness.timeline.owners import owners
from harness.timeline.schema import FARTHEST, UNKNOWN, Finding, Source, Timeline, timeline
from harness.timeline.trace_events import (
    CODE,
    DURATION,
    FIRST_ARGUMENT,
    NAME,
    PROCESS,
    START,
    THREAD,
    Events,
    Layout,
    read,
)

_Ints = npt.NDArray[np.int64]

_OPERATIONS, _CALLS, _RANGES, _SYNCS, _OVERHEADS, _SPANS = range(6)
_KINDS = ("kernel", "memcpy", "memset")
_APIS = ("runtime", "driver")
# Categories as Kineto has named them over the years (libkineto/src/ActivityType.cpp and output_json.cpp).
_CATEGORIES: Mapping[str, tuple[int | None, int]] = {
    "kernel": (_OPERATIONS, 0), "Kernel": (_OPERATIONS, 0), "concurrent_kernel": (_OPERATIONS, 0),
    "gpu_memcpy": (_OPERATIONS, 1), "Memcpy": (_OPERATIONS, 1),
    "gpu_memset": (_OPERATIONS, 2), "Memset": (_OPERATIONS, 2),
    "cuda_runtime": (_CALLS, 0), "Runtime": (_CALLS, 0), "hip_runtime": (_CALLS, 0), "privateuse1_runtime": (_CALLS, 0),
    "cuda_driver": (_CALLS, 1), "Driver": (_CALLS, 1), "hip_driver": (_CALLS, 1), "privateuse1_driver": (_CALLS, 1),
    "user_annotation": (_RANGES, 0), "User Annotation": (_RANGES, 0),
    "cuda_sync": (_SYNCS, 0),
    "overhead": (_OVERHEADS, 0), "Overhead": (_OVERHEADS, 0),
    "Trace": (_SPANS, 0),
    "cpu_op": (None, 0), "Operator": (None, 0), "python_function": (None, 0), "cpu_instant_event": (None, 0),
    "gpu_user_annotation": (None, 0), "ac2g": (None, 0), "async_gpu": (None, 0), "async_cpu_to_gpu": (None, 0),
    "async": (None, 0), "fwdbwd": (None, 0), "forward_backward": (None, 0), "cuda_event": (None, 0),
}  # fmt: skip
_DEVICE, _STREAM, _CONTEXT, _CORRELATION, _REGISTERS, _SHARED, _BYTES, _GRAPH, _NODE = range(
    FIRST_ARGUMENT, FIRST_ARGUMENT + 9
)
_GRID, _BLOCK = FIRST_ARGUMENT + 9, FIRST_ARGUMENT + 12
_ARGUMENTS: Mapping[str, tuple[int, int]] = {
    "device": (_DEVICE, 1),
    "stream": (_STREAM, 1),
    "context": (_CONTEXT, 1),
    "correlation": (_CORRELATION, 1),
    "registers per thread": (_REGISTERS, 1),
    "shared memory": (_SHARED, 1),
    "bytes": (_BYTES, 1),
    "graph id": (_GRAPH, 1),
    "graph node id": (_NODE, 1),
    "grid": (_GRID, 3),
    "block": (_BLOCK, 3),
}
_TIMED = (NAME, START, DURATION, PROCESS, THREAD)
_TABLES = (
    (*_TIMED, CODE, *range(_DEVICE, _BLOCK + 3)),
    (*_TIMED, CODE, _CORRELATION),
    _TIMED,
    (*_TIMED, _DEVICE, _STREAM, _CORRELATION),
    _TIMED,
    _TIMED,
)
LAYOUT = Layout(_CATEGORIES, _ARGUMENTS, _TABLES)
_UNIX = 10**17  # ns; a clock that has run for more than three years counts from 1970


def load(path: Path) -> Timeline:
    """The timeline in a .json or .json.gz file."""
    events = read(path, LAYOUT)
    if not events.known and not events.bad and not any(len(table[START]) for table in events.tables):
        raise FuseproofError(
            f"{path} is no trace of torch.profiler: none of its {events.events:,} events is one that Kineto writes; "
            "export_chrome_trace of a profile makes one"
        )
    base = _base(events)
    names, ids = _distinct(events.names)
    tables = [_placed(table, base) for table in events.tables]
    dropped = events.bad + sum(
        len(raw[START]) - len(kept[START]) for raw, kept in zip(events.tables, tables, strict=True)
    )
    texts = [_names(table[NAME], names, ids) for table in tables]
    process, unclear = _processes(tables[_OPERATIONS], tables[_CALLS])
    return timeline(
        _source(path, events, base, tables),
        operations=_operations(tables[_OPERATIONS], texts[_OPERATIONS], process),
        calls=_timed(tables[_CALLS], texts[_CALLS])
        | {"api": _coded(tables[_CALLS][CODE], _APIS), "correlation": _correlations(tables[_CALLS])},
        ranges=_timed(tables[_RANGES], texts[_RANGES]) | {"kind": "annotation", "end_thread": tables[_RANGES][THREAD]},
        syncs=_syncs(tables[_SYNCS], texts[_SYNCS], tables[_CALLS]),
        overheads=_timed(tables[_OVERHEADS], texts[_OVERHEADS]),
        findings=tuple(_findings(events, dropped, unclear, len(process))),
    )


def _base(events: Events) -> int:
    base = events.other.get("baseTimeNanoseconds", 0)
    return base if type(base) is int and 0 <= base < FARTHEST else 0


def _placed(table: Mapping[int, _Ints], base: int) -> dict[int, _Ints]:
    """Times on one clock; rows whose times no clock can have are left out."""
    start, length = table[START], table[DURATION]
    good = (np.abs(start) < FARTHEST) & (np.abs(length) < FARTHEST)
    kept = dict(table) if good.all() else {slot: column[good] for slot, column in table.items()}
    kept[START] = kept[START] + base
    kept[DURATION] = kept[START] + kept[DURATION]  # from here on the slot holds the end
    return kept


_END = DURATION


def _distinct(names: Sequence[str]) -> tuple[pd.Index, _Ints]:
    """Names once each, and for each of the file's names its place: two may differ in their escapes only."""
    codes, unique = pd.factorize(np.asarray(names, dtype=object))
    return pd.Index(unique, dtype="str"), codes.astype(np.int64)


def _names(column: _Ints, names: pd.Index, ids: _Ints) -> pd.Categorical:
    """The names of one table, with only those categories that occur."""
    found = ids[column] if len(column) else column
    present = np.zeros(len(names), bool)
    present[found] = True
    codes = (np.cumsum(present) - 1)[found] if len(found) else found
    return pd.Categorical.from_codes(codes.astype(np.int32), categories=names[present])


def _coded(codes: _Ints, words: Iterable[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes.astype(np.int8), categories=pd.Index(list(words), dtype="str"))


def _timed(table: Mapping[int, _Ints], names: pd.Categorical) -> dict[str, Any]:
    return {
        "name": names, "start": table[START], "end": table[_END], "process": table[PROCESS], "thread": table[THREAD],
    }  # fmt: skip


def _correlations(table: Mapping[int, _Ints]) -> _Ints:
    return np.maximum(table[_CORRELATION], 0)


def _operations(table: Mapping[int, _Ints], names: pd.Categorical, process: _Ints) -> dict[str, Any]:
    graph = np.where(table[_GRAPH] > 0, table[_GRAPH], UNKNOWN)
    return {
        "kind": _coded(table[CODE], _KINDS),
        "name": names,
        "start": table[START],
        "end": table[_END],
        # before args said it, pid was the device and tid the stream
        "device": np.where(table[_DEVICE] >= 0, table[_DEVICE], table[PROCESS]),
        "stream": np.where(table[_STREAM] >= 0, table[_STREAM], table[THREAD]),
        "context": table[_CONTEXT],
        "process": process,
        **{f"grid_{axis}": table[_GRID + i] for i, axis in enumerate("xyz")},
        **{f"block_{axis}": table[_BLOCK + i] for i, axis in enumerate("xyz")},
        "registers": table[_REGISTERS],
        "shared_bytes": table[_SHARED],
        "bytes": np.where(table[CODE] > 0, table[_BYTES], UNKNOWN),
        "correlation": _correlations(table),
        "graph": graph,
        "graph_node": np.where(graph >= 0, table[_NODE], UNKNOWN),
    }


def _processes(operations: Mapping[int, _Ints], calls: Mapping[int, _Ints]) -> tuple[_Ints, int]:
    """The process of each operation, and how many could be of several: their correlation id is in each."""
    processes = np.unique(calls[PROCESS])
    if len(processes) < 2:
        return np.full(len(operations[START]), processes[0] if len(processes) else UNKNOWN), 0
    process, shared = owners(_correlations(operations), _correlations(calls), calls[PROCESS])
    return process, int(shared.sum())


def _syncs(table: Mapping[int, _Ints], names: pd.Categorical, calls: Mapping[int, _Ints]) -> dict[str, Any]:
    """Waits; Kineto puts them on the stream that was waited for, so that their thread is that of their call."""
    correlation = _correlations(table)
    callers = pd.DataFrame({"correlation": _correlations(calls), "process": calls[PROCESS], "thread": calls[THREAD]})
    found = (
        callers[callers["correlation"] > 0]
        .drop_duplicates("correlation")
        .set_index("correlation")
        .reindex(correlation, fill_value=UNKNOWN)
    )
    return {
        "kind": names,
        "start": table[START],
        "end": table[_END],
        "process": found["process"].to_numpy(),
        "thread": found["thread"].to_numpy(),
        "device": table[_DEVICE],
        "stream": table[_STREAM],
        "correlation": correlation,
    }


def _source(path: Path, events: Events, base: int, tables: Sequence[Mapping[int, _Ints]]) -> Source:
    spans = tables[_SPANS]
    starts = np.concatenate([table[START] for table in tables])
    usual = np.median(starts) if len(starts) else 0  # some stamps may be zero
    return Source(
        kind="kineto",
        path=str(path),
        times="measured",
        clock="unix" if base or usual > _UNIX else "trace",
        devices=_devices(events.other),
        window=(int(spans[START].min()), int(spans[_END].max())) if len(spans[START]) else None,
        details=_details(events),
    )


def _devices(other: Mapping[str, Any]) -> dict[int, str]:
    """Names of the GPUs; the first traces of 2021 had them under another key."""
    listed = other.get("deviceProperties", other.get("computeProperties"))
    found = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return {each["id"]: str(each.get("name", "")) for each in found if type(each.get("id")) is int}


def _details(events: Events) -> dict[str, str]:
    keys = ("schemaVersion", "cupti_version", "cuda_runtime_version", "cuda_driver_version", "traceName", "host_name")
    return {"events": f"{events.events:,}"} | {
        key: str(events.other[key]) for key in keys if isinstance(events.other.get(key), (int, str))
    }


def _findings(events: Events, dropped: int, unclear: int, operations: int) -> Iterable[Finding]:
    if not (operations or dropped or events.truncated):
        yield Finding(
            "no operations",
            1,
            "nothing that ran on a GPU was recorded: profile with ProfilerActivity.CUDA among activities",
        )
    if events.truncated:
        yield Finding(
            "truncated", 1,
            f"the file breaks off: {events.events:,} events in {events.bytes_read:,} bytes could be read, "
            "what came behind them is missing",
        )  # fmt: skip
    if dropped:
        yield Finding("unreadable times", dropped, f"unreadable times: {dropped:,}, these events are left out")
    if unclear:
        yield Finding(
            "unclear process", unclear,
            f"unclear process: {unclear:,}, operations whose correlation id calls of several processes have",
        )  # fmt: skip
