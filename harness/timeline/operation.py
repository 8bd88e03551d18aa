"""Operations of a device: kernels, copies, memsets, with times in nanoseconds on one clock.

Made from the vgpu's activities or from a profiler's events; read by gaps and summaries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.timeline.names import readable
from harness.vgpu.activity import Activity, Kind


@dataclass(frozen=True, slots=True)
class Interval:
    """From `start` to `end`, nanoseconds."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Operation:
    """One kernel, memcpy or memset. `submitted` is the host time at which the call that asked for it returned."""

    kind: Kind
    name: str
    start: int
    end: int
    stream: int
    submitted: int
    correlation: int
    dram_bytes: int | None = None  # kernels only: counted or by rule; None where nobody knows

    @property
    def length(self) -> int:
        return self.end - self.start


def from_activities(activities: Iterable[Activity]) -> list[Operation]:
    """The vgpu's activities as operations."""
    return [
        Operation(
            kind=activity.kind,
            name=readable(activity.name),
            start=activity.start,
            end=activity.end,
            stream=activity.stream,
            submitted=activity.submitted,
            correlation=activity.correlation,
            dram_bytes=activity.dram_bytes if activity.kind == "kernel" else None,
        )
        for activity in activities
    ]


def window(operations: Iterable[Operation]) -> Interval | None:
    """From the first start to the last end; None without operations."""
    listed = list(operations)
    if not listed:
        return None
    return Interval(min(op.start for op in listed), max(op.end for op in listed))
