"""Idle gaps of a device: where, inside a window, nothing ran, and why.

In: operations of one device, on any streams. Out: its gaps in time order, each with its cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter

from harness.timeline.operation import Interval, Operation


class Cause(str, Enum):
    """Why a device was idle before an operation."""

    HOST = "host-bound"  # the launch call of the next operation had not returned when the gap began
    LAUNCH = "launch latency"  # it was submitted in time, and started late
    DEPENDENCY = "dependency"  # it waited for another stream or an event
    COPY = "sync/copy"  # the host waited for the device, or a copy is at either side
    END = "end of window"  # nothing follows


@dataclass(frozen=True, slots=True)
class Gap:
    """A maximal idle interval; `before` is the operation that ends it, None at the window's end."""

    start: int
    end: int
    before: Operation | None

    @property
    def length(self) -> int:
        return self.end - self.start


def gaps(operations: Iterable[Operation], window: Interval) -> list[Gap]:
    """Maximal intervals of `window` that no operation covers.

    Operations may overlap, on any streams, and may reach beyond the window; times are nanoseconds on one clock.
    """
    found, covered_until = [], window.start
    for op in sorted(operations, key=attrgetter("start", "end")):
        if op.end <= op.start:
            continue  # covers nothing
        if op.start > covered_until and (end := min(op.start, window.end)) > covered_until:
            found.append(Gap(covered_until, end, before=op if op.start <= window.end else None))
        covered_until = max(covered_until, op.end)
        if covered_until >= window.end:
            return found
    if covered_until < window.end:
        found.append(Gap(covered_until, window.end, before=None))
    return found


def busy(operations: Iterable[Operation], window: Interval) -> int:
    """Length of the union of the operations inside the window. Never a sum of durations."""
    return window.length - idle(operations, window)


def idle(operations: Iterable[Operation], window: Interval) -> int:
    """Length of the window that no operation covers."""
    return sum(gap.length for gap in gaps(operations, window))


def cause(gap: Gap, operations: Sequence[Operation], waits: Sequence[Interval] = ()) -> Cause:
    """Why the device idled. `waits` are the host's synchronising calls, where they are known.

    A wait of the host that overlaps the gap, or a copy at either side of it, comes first: what looks host-bound
    afterwards is its consequence.
    """
    if gap.before is None:
        return Cause.END
    previous = [op for op in operations if op.end == gap.start and op is not gap.before]
    waited = any(wait.start < gap.end and wait.end > gap.start for wait in waits)
    if waited or gap.before.kind == "memcpy" or any(op.kind == "memcpy" for op in previous):
        return Cause.COPY
    if gap.before.submitted > gap.start:
        return Cause.HOST
    if previous and all(op.stream != gap.before.stream for op in previous):
        return Cause.DEPENDENCY
    return Cause.LAUNCH
