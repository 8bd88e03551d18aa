"""Operators of a recorded trace with what they launched: Kineto's JSON, or Nsight Systems' export of emit_nvtx.

In: a file. Out: a `Trace`, the outermost operators of each thread with their children. A kernel belongs to the
innermost operator that was open on the thread of the call that launched it; call and kernel share a correlation id.
Arguments are what the profiler recorded of them: nothing, or shapes and types (record_shapes), or strides and values
too (newer versions).
"""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import FuseproofError

_OPERATIONS = {"kernel", "gpu_memcpy", "gpu_memset"}
_CALLS = {"cuda_runtime", "cuda_driver"}


@dataclass(frozen=True, slots=True)
class Argument:
    """One input as Kineto writes it; a tensor has a shape, and strides where they were recorded."""

    type: str
    shape: Any
    strides: Any = None
    value: str | None = None


@dataclass(slots=True)
class Operator:
    """`launched` are names of kernels, memcpys and memsets that it launched itself, in order."""

    name: str
    arguments: tuple[Argument, ...] | None = None
    launched: list[tuple[float, str]] = field(default_factory=list)
    children: list[Operator] = field(default_factory=list)

    def everything(self) -> list[str]:
        """Names launched by it and by what it called, in order of the calls."""
        return [name for _, name in sorted(self._all())]

    def _all(self) -> Iterator[tuple[float, str]]:
        yield from self.launched
        for child in self.children:
            yield from child._all()


@dataclass(frozen=True, slots=True)
class Trace:
    """`partial` where events were left out of the recording, so that a launch may be missing."""

    name: str
    device: str
    roots: tuple[Operator, ...]
    partial: bool


@dataclass(frozen=True, slots=True)
class _Open:
    start: float
    end: float
    operator: Operator


def load(path: Path) -> Trace:
    """The operators in a .json, .json.gz or .sqlite file."""
    if path.suffix == ".sqlite":
        return _nsight(path)
    read = gzip.open if path.suffix == ".gz" else open
    with read(path, "rt") as file:
        document = json.load(file)
    events = [event for event in document["traceEvents"] if event.get("ph") == "X"]
    operators = [event for event in events if event.get("cat") == "cpu_op"]
    if not operators:
        raise FuseproofError(f"{path} has no operators: record it with ProfilerActivity.CPU, too")
    threads = _threads(events, operators)
    properties = document.get("deviceProperties") or [{}]
    roots = tuple(root for thread in threads.values() for root in _nested(thread))
    return Trace(path.name.partition(".")[0], properties[0].get("name", "?"), roots, _is_partial(operators))


def _is_partial(operators: Sequence[Mapping[str, Any]]) -> bool:
    """Kineto numbers its operators; where numbers are missing, so may launches be."""
    numbers = [event["args"]["Ev Idx"] for event in operators if "Ev Idx" in event.get("args", {})]
    return bool(numbers) and max(numbers) - min(numbers) + 1 > len(set(numbers)) + len(set(numbers)) // 10


def _threads(
    events: Iterable[Mapping[str, Any]], operators: Iterable[Mapping[str, Any]]
) -> dict[Any, list[tuple[float, float, Operator | str]]]:
    """Operators and the names of what was launched, by thread, with the times of their calls."""
    operations = defaultdict(list)
    for event in events:
        if event.get("cat") in _OPERATIONS:
            operations[event["args"].get("correlation")].append(event["name"])
    threads: dict[Any, list[tuple[float, float, Operator | str]]] = defaultdict(list)
    for event in operators:
        operator = Operator(event["name"], _arguments(event.get("args", {})))
        threads[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"], operator))
    for event in events:
        if event.get("cat") in _CALLS:
            for name in operations.pop(event["args"].get("correlation"), []):
                threads[event["pid"], event["tid"]].append((event["ts"], event["ts"], name))
    return threads


def _arguments(recorded: Mapping[str, Any]) -> tuple[Argument, ...] | None:
    if "Input type" not in recorded:
        return None
    types, shapes = recorded["Input type"], recorded["Input Dims"]
    strides = recorded.get("Input Strides", [None] * len(types))
    values = recorded.get("Concrete Inputs", [None] * len(types))
    inputs = zip(types, shapes, strides, values, strict=True)
    return tuple(Argument(kind, _fixed(shape), _fixed(stride), value) for kind, shape, stride, value in inputs)


def _fixed(value: Any) -> Any:
    """Lists as tuples, so that equal arguments are found again."""
    return tuple(map(_fixed, value)) if isinstance(value, list) else value


def _nested(events: Sequence[tuple[float, float, Operator | str]]) -> list[Operator]:
    """Outermost operators of one thread; an interval includes its end, since times may be rounded."""
    roots: list[Operator] = []
    stack: list[_Open] = []
    for start, end, what in sorted(events, key=lambda event: (event[0], -event[1], isinstance(event[2], str))):
        while stack and stack[-1].end < (start if isinstance(what, str) else min(end, start + 1e-3)):
            stack.pop()
        if isinstance(what, str):
            owner = stack[-1].operator if stack else Operator("")
            if not stack:
                roots.append(owner)
            owner.launched.append((start, what))
            continue
        while stack and stack[-1].end < end:
            stack.pop()
        (stack[-1].operator.children if stack else roots).append(what)
        stack.append(_Open(start, end, what))
    return roots


_RANGES = """SELECT coalesce(text, (SELECT value FROM StringIds WHERE id = textId)), start, end, globalTid
FROM NVTX_EVENTS WHERE end IS NOT NULL"""
_KERNELS = """SELECT r.start, r.globalTid, (SELECT value FROM StringIds WHERE id = k.demangledName)
FROM CUPTI_ACTIVITY_KIND_KERNEL k JOIN CUPTI_ACTIVITY_KIND_RUNTIME r
ON r.correlationId = k.correlationId AND (r.globalTid >> 24) = (k.globalPid >> 24)"""
_OTHERS = """SELECT r.start, r.globalTid, '{name}'
FROM CUPTI_ACTIVITY_KIND_{table} m JOIN CUPTI_ACTIVITY_KIND_RUNTIME r
ON r.correlationId = m.correlationId AND (r.globalTid >> 24) = (m.globalPid >> 24)"""


def _nsight(path: Path) -> Trace:
    """Ranges of torch.autograd.profiler.emit_nvtx: "aten::mul, op_id = 7", with "sizes = [...]" where recorded."""
    database = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    threads: dict[Any, list[tuple[float, float, Operator | str]]] = defaultdict(list)
    queries = [_KERNELS, *(_OTHERS.format(name=table.capitalize(), table=table) for table in ("MEMCPY", "MEMSET"))]
    try:
        for text, start, end, thread in database.execute(_RANGES):
            if text and re.match(r"(aten|autograd|c10d|[A-Z])", text):
                threads[thread].append((start, end, Operator(text.partition(",")[0])))
        for query in queries:
            for start, thread, name in database.execute(query):
                threads[thread].append((start, start, name))
    except sqlite3.DatabaseError as error:
        raise FuseproofError(f"{path} has no NVTX ranges of operators: {error}") from error
    roots = tuple(root for events in threads.values() for root in _nested(events))
    return Trace(path.stem, "", roots, partial=True)  # kernels of a window that was cut out have no calls
