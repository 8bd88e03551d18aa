"""Reads a trace of torch.profiler (Kineto): device operations, the calls that submitted them, annotated ranges.

In: the JSON that `export_chrome_trace` writes. Out: a `Trace` with times in integer nanoseconds on the trace's clock.
Time stamps are microseconds with decimals: they are read as decimal numbers, because a float of the epoch loses
nanoseconds. An operation whose call is not in the trace is an orphan: counted, never guessed at.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from harness.errors import FuseproofError
from harness.timeline.operation import Operation
from harness.timeline.ranges import Range
from harness.vgpu.activity import ApiCall, Kind

_KINDS: dict[str, Kind] = {"kernel": "kernel", "gpu_memcpy": "memcpy", "gpu_memset": "memset"}
_CALLS = ("cuda_runtime", "cuda_driver")
_RANGES = ("user_annotation",)


@dataclass(frozen=True, slots=True)
class ThreadRange:
    """A range and the thread that opened it."""

    range: Range
    thread: Any


@dataclass(frozen=True, slots=True)
class Trace:
    """`orphans` are operations without a call; they are not among `operations`."""

    operations: tuple[Operation, ...]
    calls: tuple[tuple[Any, ApiCall], ...]  # with the thread
    ranges: tuple[ThreadRange, ...]
    orphans: int

    def named(self, name: str) -> ThreadRange:
        """The range of that name: there must be one."""
        found = [opened for opened in self.ranges if opened.range.name == name]
        if len(found) != 1:
            raise FuseproofError(f"the trace has {len(found)} ranges named {name!r}, not one")
        return found[0]

    def launched_in(self, opened: ThreadRange) -> list[Operation]:
        """Operations whose call began inside the range, on the range's own thread."""
        start, end = opened.range.start, opened.range.end or opened.range.start
        inside = {
            call.correlation for thread, call in self.calls if thread == opened.thread and start <= call.start <= end
        }
        return [op for op in self.operations if op.correlation in inside]


def load(path: Path) -> Trace:
    """The trace in a .json or .json.gz file."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return read(json.loads(text, parse_float=Decimal))


def read(document: dict[str, Any]) -> Trace:
    """The trace in a parsed document, floats as Decimal."""
    events = [event for event in document["traceEvents"] if event.get("ph") == "X"]
    calls = tuple(_calls(events))
    returned = {call.correlation: call.end for _, call in calls}
    found = [event for event in events if event.get("cat") in _KINDS]
    known = [event for event in found if _correlation(event) in returned]
    operations = tuple(_operation(event, returned[_correlation(event)]) for event in known)
    return Trace(operations, calls, tuple(_ranges(events)), orphans=len(found) - len(known))


def _calls(events: Iterable[dict[str, Any]]) -> Iterator[tuple[Any, ApiCall]]:
    for event in events:
        if event.get("cat") in _CALLS:
            start, end = _times(event)
            yield event.get("tid"), ApiCall(event["name"], start, end, _correlation(event))


def _ranges(events: Iterable[dict[str, Any]]) -> Iterator[ThreadRange]:
    for event in events:
        if event.get("cat") in _RANGES:
            start, end = _times(event)
            yield ThreadRange(Range(event["name"], start, end), event.get("tid"))


def _operation(event: dict[str, Any], submitted: int) -> Operation:
    start, end = _times(event)
    stream = int(event.get("args", {}).get("stream", 0))
    return Operation(_KINDS[event["cat"]], event["name"], start, end, stream, submitted, _correlation(event))


def _correlation(event: dict[str, Any]) -> int:
    return int(event.get("args", {}).get("correlation", 0))


def _times(event: dict[str, Any]) -> tuple[int, int]:
    start = int(Decimal(event["ts"]) * 1000)
    return start, start + int(Decimal(event.get("dur", 0)) * 1000)
