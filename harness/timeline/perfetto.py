"""Writes a timeline for Perfetto (ui.perfetto.dev) and chrome://tracing: Chrome's trace event format, JSON.

In: a timeline. Out: a file, gzipped where its name ends in .gz; the same bytes for the same timeline. Each host thread
has tracks for its NVTX ranges, for its calls, for the profiler's overhead; each device has one for its gaps by cause,
one for each stream, one for waits. Arrows lead from calls to operations. Categories and arguments are Kineto's, so that
what reads a trace of torch.profiler reads this.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.errors import FuseproofError
from harness.timeline.causes import CAUSES, Cause
from harness.timeline.figures import device_gaps
from harness.timeline.json_rows import Ints, Microseconds, Number, Piece, Text, Where, rows
from harness.timeline.launches import NOBODY, launches
from harness.timeline.perfetto_tracks import Layout, Placed, layout
from harness.timeline.schema import UNKNOWN, Timeline

_LEVEL = 3  # of gzip
_LONG = 1 << 50  # ns; on a clock that far from its zero, times are written from the first one on
_CATEGORIES = {
    "kernel": "kernel", "memcpy": "gpu_memcpy", "memset": "gpu_memset", "runtime": "cuda_runtime",
    "driver": "cuda_driver",
}  # fmt: skip
_COLOURS = {  # of chrome://tracing; Perfetto colours by the event's name, which is the cause
    Cause.HOST: "terrible",
    Cause.LAUNCH: "bad",
    Cause.DEPENDENCY: "yellow",
    Cause.COPY: "thread_state_iowait",
    Cause.UNKNOWN: "grey",
}


def write(timeline: Timeline, path: Path) -> None:
    """The timeline as one file."""
    try:
        with ExitStack() as stack:
            file = stack.enter_context(path.open("wb"))
            packed = (
                stack.enter_context(gzip.GzipFile("", "wb", _LEVEL, file, mtime=0)) if path.suffix == ".gz" else file
            )
            for text in _document(timeline):
                packed.write(text)
    except OSError as error:
        raise FuseproofError(f"{path} cannot be written: {error.strerror or error}") from error


def _document(timeline: Timeline) -> Iterator[bytes]:
    base = _base(timeline)
    gaps = device_gaps(timeline)
    ends = _range_ends(timeline)
    placed = layout(timeline, gaps, ends)
    source = timeline.source
    head = {
        "schemaVersion": 1,
        "displayTimeUnit": "ns",
        "baseTimeNanoseconds": base,
        "deviceProperties": [{"id": index, "name": name} for index, name in sorted(source.devices.items())],
        "otherData": {"source": source.kind, "times": source.times, "clock": source.clock}
        | {finding.name: finding.sentence for finding in timeline.findings},
    }
    yield json.dumps(head)[:-1].encode()
    yield b', "traceEvents": [\n'
    yield b",\n".join(json.dumps(event, separators=(",", ":")).encode() for event in _named(placed))
    yield from _calls(timeline, placed, base)
    yield from _ranges(timeline, placed, base, ends)
    yield from _overheads(timeline, placed, base)
    yield from _operations(timeline, placed, base)
    yield from _syncs(timeline, placed, base)
    yield from _gaps(gaps, placed, base)
    yield from _flows(timeline, placed, base)
    yield b"\n]}\n"


def _named(placed: Layout) -> list[dict[str, Any]]:
    """Metadata; one event at least, because a comma stands before every row."""
    return placed.names or [{"name": "process_name", "ph": "M", "pid": 0, "args": {"name": "empty"}}]


def _base(timeline: Timeline) -> int:
    """What all times are counted from: a viewer's double would lose the nanoseconds of a clock that began in 1970."""
    first = min((int(frame["start"].min()) for frame in _frames(timeline) if len(frame)), default=0)
    return first - first % 1000 if first > _LONG else 0


def _range_ends(timeline: Timeline) -> Ints:
    """Ends of the ranges; one that was never closed lasts to the end of everything."""
    last = max((int(frame["end"].max()) for frame in _frames(timeline) if len(frame)), default=0)
    ends = timeline.ranges["end"].to_numpy()
    start = timeline.ranges["start"].to_numpy()
    return np.maximum(np.where(ends == UNKNOWN, last, ends), start)


def _frames(timeline: Timeline) -> tuple[pd.DataFrame, ...]:
    return timeline.operations, timeline.calls, timeline.ranges, timeline.syncs, timeline.overheads


def _event(
    phase: bytes, category: bytes | Text, name: bytes | Text, placed: Placed, start: Ints, base: int
) -> list[Piece]:
    """The beginning of every event, up to its time."""
    return [
        b',\n{"ph":"' + phase + b'","cat":', category, b',"name":', name, b',"pid":', Number(placed.process),
        b',"tid":', Number(placed.thread), b',"ts":', Microseconds(start - base),
    ]  # fmt: skip


def _box(category: bytes | Text, name: bytes | Text, placed: Placed, start: Ints, end: Ints, base: int) -> list[Piece]:
    """An event with a duration; a box that ends before it starts has none."""
    return [*_event(b"X", category, name, placed, start, base), b',"dur":', Microseconds(np.maximum(end - start, 0))]


def _calls(timeline: Timeline, placed: Layout, base: int) -> Iterator[bytes]:
    calls = timeline.calls
    pieces = [
        *_box(_categories(calls["api"]), _text(calls["name"]), placed.calls, *_times(calls), base),
        b',"args":{"correlation":', Number(calls["correlation"].to_numpy()), b"}}",
    ]  # fmt: skip
    return rows(pieces, len(calls))


def _operations(timeline: Timeline, placed: Layout, base: int) -> Iterator[bytes]:
    operations = timeline.operations
    pieces = [
        *_box(_categories(operations["kind"]), _text(operations["name"]), placed.operations, *_times(operations), base),
        b',"args":{"device":', Number(operations["device"].to_numpy()),
        *_said(operations, {"stream": "stream", "context": "context"}),
        b',"correlation":', Number(operations["correlation"].to_numpy()),
        *_triple(operations, "grid"), *_triple(operations, "block"),
        *_said(operations, {
            "registers": "registers per thread", "shared_bytes": "shared memory", "bytes": "bytes", "graph": "graph id",
            "graph_node": "graph node id", "process": "process",
        }),
        b"}}",
    ]  # fmt: skip
    return rows(pieces, len(operations))


def _ranges(timeline: Timeline, placed: Layout, base: int, ends: Ints) -> Iterator[bytes]:
    kinds = timeline.ranges["kind"]
    for kind in ("push/pop", "annotation", "mark", "start/end"):
        of_kind = (kinds == kind).to_numpy()
        frame, where = timeline.ranges[of_kind], Placed(*(column[of_kind] for column in placed.ranges))
        yield from rows(_range(kind, frame, where, ends[of_kind], base), len(frame))


def _range(kind: str, frame: pd.DataFrame, placed: Placed, ends: Ints, base: int) -> list[Piece]:
    name, start = _text(frame["name"]), frame["start"].to_numpy()
    args: list[Piece] = [b',"args":{"kind":"' + kind.encode() + b'"']
    for column in ("domain", "category", "payload"):
        args.append(Where((frame[column] != "").to_numpy(), [f',"{column}":'.encode(), _text(frame[column])]))
    args += [Where((frame["end"] == UNKNOWN).to_numpy(), [b',"end":"never closed"']), b"}}"]
    if kind == "mark":
        return [*_event(b"i", b'"nvtx"', name, placed, start, base), b',"s":"t"', *args]
    if kind != "start/end":
        category = b'"user_annotation"' if kind == "annotation" else b'"nvtx"'
        return [*_box(category, name, placed, start, ends, base), *args]
    number: list[Piece] = [b',"id":', Number(np.arange(1, len(frame) + 1))]
    closer = np.where(frame["end_thread"] >= 0, frame["end_thread"], placed.thread)
    return [
        *_event(b"b", b'"nvtx"', name, placed, start, base), *number, *args,
        *_event(b"e", b'"nvtx"', name, Placed(placed.process, closer), ends, base), *number, b"}",
    ]  # fmt: skip


def _overheads(timeline: Timeline, placed: Layout, base: int) -> Iterator[bytes]:
    frame = timeline.overheads
    pieces = _box(b'"overhead"', _text(frame["name"]), placed.overheads, *_times(frame), base)
    return rows([*pieces, b"}"], len(frame))


def _syncs(timeline: Timeline, placed: Layout, base: int) -> Iterator[bytes]:
    frame = timeline.syncs
    pieces = [
        *_box(b'"cuda_sync"', _text(frame["kind"]), placed.syncs, *_times(frame), base),
        b',"args":{"correlation":', Number(frame["correlation"].to_numpy()),
        *_said(frame, {"device": "device", "stream": "stream", "thread": "thread"}), b"}}",
    ]  # fmt: skip
    return rows(pieces, len(frame))


def _gaps(gaps: pd.DataFrame, placed: Layout, base: int) -> Iterator[bytes]:
    colours = pd.Categorical.from_codes(gaps["cause"].cat.codes, categories=[_COLOURS[cause] for cause in CAUSES])
    pieces = _box(b'"gap"', _text(gaps["cause"]), placed.gaps, *_times(gaps), base)
    return rows([*pieces, b',"cname":', Text(colours), b"}"], len(gaps))


def _flows(timeline: Timeline, placed: Layout, base: int) -> Iterator[bytes]:
    """Arrows from the start of a call to the start of what it asked for."""
    call = launches(timeline).call
    operation = np.flatnonzero(call != NOBODY)
    call = call[operation]
    number: list[Piece] = [b',"id":', Number(operation + 1)]
    start, placed_start = timeline.calls["start"].to_numpy()[call], _at(placed.calls, call)
    end, placed_end = timeline.operations["start"].to_numpy()[operation], _at(placed.operations, operation)
    pieces = [
        *_event(b"s", b'"ac2g"', b'"ac2g"', placed_start, start, base), *number, b"}",
        *_event(b"f", b'"ac2g"', b'"ac2g"', placed_end, end, base), *number, b',"bp":"e"}',
    ]  # fmt: skip
    return rows(pieces, len(operation))


def _said(frame: pd.DataFrame, names: dict[str, str]) -> list[Piece]:
    """Arguments with numbers, where the source has them."""
    found: list[Piece] = []
    for column, name in names.items():
        values = frame[column].to_numpy()
        found.append(Where(values != UNKNOWN, [f',"{name}":'.encode(), Number(values)]))
    return found


def _triple(frame: pd.DataFrame, name: str) -> Sequence[Piece]:
    x, y, z = (frame[f"{name}_{axis}"].to_numpy() for axis in "xyz")
    listed: list[Piece] = [f',"{name}":['.encode(), Number(x), b",", Number(y), b",", Number(z), b"]"]
    return [Where(x != UNKNOWN, listed)]


def _times(frame: pd.DataFrame) -> tuple[Ints, Ints]:
    return frame["start"].to_numpy(), frame["end"].to_numpy()


def _text(column: pd.Series) -> Text:
    return Text(column.array)


def _categories(column: pd.Series) -> Text:
    return Text(column.cat.rename_categories(_CATEGORIES).array)


def _at(placed: Placed, rows_of: Ints) -> Placed:
    return Placed(placed.process[rows_of], placed.thread[rows_of])
