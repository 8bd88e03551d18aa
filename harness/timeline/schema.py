"""A timeline: what devices did, which calls asked for it, and the ranges around, from any source in one form.

In: columns from an importer or from the vgpu. Out: a frozen `Timeline` of pandas frames; columns and dtypes are the
tables below, whatever the source: every column exists, in this order, and an empty frame is a frame.

Times are int64 nanoseconds on the one clock that `Source.clock` names. An integer that the source does not say is
`UNKNOWN` (-1), a text that it does not say is "". `correlation` joins an operation to its call together with `process`:
ids of two processes collide. A correlation of 0 joins nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from harness.errors import FuseproofError

UNKNOWN = -1
FARTHEST = 1 << 61  # ns; a time beyond 70 years from its clock's zero is damaged, and differences would overflow

Kind: TypeAlias = Literal["kineto", "nsys", "vgpu", "nvtx"]
Times: TypeAlias = Literal["measured", "modelled"]


class Column(NamedTuple):
    """`dtype` is "int64" or "category" (of text); `missing` fills a column that the source does not have."""

    dtype: str
    missing: int | str
    meaning: str


def _number(meaning: str, missing: int = UNKNOWN) -> Column:
    return Column("int64", missing, meaning)


def _text(meaning: str) -> Column:
    return Column("category", "", meaning)


OPERATIONS: Mapping[str, Column] = {
    "kind": _text("kernel, memcpy or memset"),
    "name": _text("the kernel's name as the source has it; for copies, direction or kind of memory"),
    "start": _number("ns"),
    "end": _number("ns"),
    "device": _number("index of the GPU"),
    "stream": _number("id of the stream, as the source numbers them"),
    "context": _number("id of the CUDA context"),
    "process": _number("process id of the call that asked for it"),
    "grid_x": _number("blocks; kernels only"),
    "grid_y": _number("blocks"),
    "grid_z": _number("blocks"),
    "block_x": _number("threads; kernels only"),
    "block_y": _number("threads"),
    "block_z": _number("threads"),
    "registers": _number("registers a thread"),
    "shared_bytes": _number("static and dynamic shared memory of a block"),
    "bytes": _number("memcpy and memset: bytes moved or set; kernel: DRAM bytes, where somebody counted them"),
    "correlation": _number("of the call, within its process", missing=0),
    "graph": _number("id of the CUDA graph (executable) that it is a node of"),
    "graph_node": _number("id of the node; UNKNOWN with a graph: the row stands for the whole graph launch"),
}
CALLS: Mapping[str, Column] = {
    "name": _text("as cudaLaunchKernel; without version suffixes as _v7000"),
    "api": _text("runtime or driver"),
    "start": _number("ns: the call was entered"),
    "end": _number("ns: the call returned"),
    "process": _number("process id"),
    "thread": _number("thread id, as the operating system numbers them"),
    "correlation": _number("joins the operations that it asked for; 0 for none", missing=0),
}
RANGES: Mapping[str, Column] = {
    "name": _text("the message"),
    "domain": _text('NVTX domain; "" is the default one'),
    "category": _text("NVTX category, by name where it has one"),
    "payload": _text("NVTX payload as text"),
    "color": _number("ARGB"),
    "start": _number("ns"),
    "end": _number("ns; UNKNOWN: never closed; a mark: its start"),
    "process": _number("process id"),
    "thread": _number("thread that opened it"),
    "end_thread": _number("thread that closed it"),
    "kind": _text("push/pop, start/end, mark, or annotation (torch's record_function)"),
}
SYNCS: Mapping[str, Column] = {
    "kind": _text("event, stream, context or device, or the name of the host's waiting call"),
    "start": _number("ns"),
    "end": _number("ns"),
    "process": _number("process id"),
    "thread": _number("thread of the host that waited"),
    "device": _number("index of the GPU that was waited for"),
    "stream": _number("stream that was waited for"),
    "correlation": _number("of the waiting call; 0 for none", missing=0),
}
OVERHEADS: Mapping[str, Column] = {
    "name": _text("what the profiler did: flushing buffers, instrumenting, …"),
    "start": _number("ns"),
    "end": _number("ns"),
    "process": _number("process id"),
    "thread": _number("thread id"),
}
FRAMES: Mapping[str, Mapping[str, Column]] = {
    "operations": OPERATIONS,
    "calls": CALLS,
    "ranges": RANGES,
    "syncs": SYNCS,
    "overheads": OVERHEADS,
}
OPERATION_KINDS = ("kernel", "memcpy", "memset")
RANGE_KINDS = ("push/pop", "start/end", "mark", "annotation")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a source, or a limit of it: counted and shown with every table."""

    name: str  # a word to group by: "orphan operations", "end before start", "zero time stamps", "truncated", …
    count: int
    sentence: str  # what it is and what it means for the figures


@dataclass(frozen=True, slots=True)
class Source:
    """Where a timeline comes from."""

    kind: Kind
    path: str  # "" for a live run
    times: Times
    clock: str  # "unix" (ns since 1970), or what else the source counts from
    devices: Mapping[int, str] = field(default_factory=dict)  # name of each GPU that is known, by index
    processes: Mapping[int, str] = field(default_factory=dict)  # names, where known
    threads: Mapping[tuple[int, int], str] = field(default_factory=dict)  # names by process and thread, where known
    window: tuple[int, int] | None = None  # what was recorded, where the source says so; ns
    details: Mapping[str, str] = field(default_factory=dict)  # version, host, … as the source says

    @property
    def title(self) -> str:
        """How a sentence begins that is about this source."""
        return self.path or "the timeline"


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """Frames as OPERATIONS, CALLS, RANGES, SYNCS and OVERHEADS describe them; rows in any order."""

    source: Source
    operations: pd.DataFrame
    calls: pd.DataFrame
    ranges: pd.DataFrame
    syncs: pd.DataFrame
    overheads: pd.DataFrame
    findings: tuple[Finding, ...] = ()


def timeline(
    source: Source,
    *,
    operations: Mapping[str, Any] | None = None,
    calls: Mapping[str, Any] | None = None,
    ranges: Mapping[str, Any] | None = None,
    syncs: Mapping[str, Any] | None = None,
    overheads: Mapping[str, Any] | None = None,
    findings: Sequence[Finding] = (),
) -> Timeline:
    """A timeline from columns by name: arrays, lists or one value for all rows. What is left out is unknown."""
    given = {"operations": operations, "calls": calls, "ranges": ranges, "syncs": syncs, "overheads": overheads}
    frames = {name: frame(name, columns or {}) for name, columns in given.items()}
    return Timeline(source, findings=tuple(findings), **frames)


def frame(name: str, columns: Mapping[str, Any]) -> pd.DataFrame:
    """The frame `name` ("operations", "calls", …), each column with its dtype; only integers are taken for numbers."""
    table = FRAMES[name]
    if unknown := sorted(set(columns) - set(table)):
        raise ValueError(f"{name} have no column {', '.join(unknown)}: there are {', '.join(table)}")
    lengths = {len(values) for values in columns.values() if not np.isscalar(values)}
    if len(lengths) > 1:
        raise ValueError(f"columns of {name} are of different lengths: {sorted(lengths)}")
    length = lengths.pop() if lengths else 0
    made = {
        column: _values(columns.get(column, spec.missing), spec, length, f"{name}.{column}")
        for column, spec in table.items()
    }
    return pd.DataFrame(made, copy=False)


def _values(given: Any, spec: Column, length: int, where: str) -> Any:
    if spec.dtype == "category":
        return _categories(given, length)
    if np.isscalar(given):
        return np.full(length, given, np.int64)
    array = np.asarray(given)
    if array.size and array.dtype.kind not in "iu":
        raise FuseproofError(f"{where} holds {array.dtype}, not integers: times are int64 nanoseconds from end to end")
    return array.astype(np.int64, copy=False)


def _categories(given: Any, length: int) -> pd.Categorical:
    if isinstance(given, str):
        return pd.Categorical.from_codes(np.zeros(length, np.int8), categories=pd.Index([given], dtype="str"))
    if isinstance(given, pd.Series):
        given = given.array
    if isinstance(given, pd.Categorical):
        return given
    codes, names = pd.factorize(np.asarray(given, dtype=object))
    return pd.Categorical.from_codes(codes, categories=pd.Index(names, dtype="str"))
