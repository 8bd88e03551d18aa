"""The virtual clock's records as a timeline: what ran on the vgpu, and which calls asked for it.

In: a clock, and from where in its lists on. Out: a `Timeline` whose times are modelled, "virtual" nanoseconds since the
clock began. Calls carry the thread that made them, although the model has one host thread: two that call at once are
put one behind the other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from harness.timeline.schema import UNKNOWN, Finding, Source, Timeline, timeline
from harness.vgpu.activity import Activity, ApiCall, Extent
from harness.vgpu.clock import Clock

_WAITS = re.compile(r"cu(?:da)?(Ctx|Device|Stream|Event)Synchronize")
_WAITED_FOR = {"Ctx": "context", "Device": "device", "Stream": "stream", "Event": "event"}
_NOT_LAUNCHED: Extent = (UNKNOWN, UNKNOWN, UNKNOWN)


class Mark(NamedTuple):
    """A moment of a clock: how many calls and activities it had, and the host's time."""

    calls: int
    activities: int
    host_ns: int


_BEGINNING = Mark(0, 0, 0)


def mark(clock: Clock) -> Mark:
    """This moment."""
    return Mark(len(clock.calls), len(clock.activities), clock.host_ns)


def from_clock(clock: Clock, since: Mark = _BEGINNING) -> Timeline:
    """What happened since a mark; it has no ranges yet."""
    calls, activities = clock.calls[since.calls :], clock.activities[since.activities :]
    process = os.getpid()
    source = Source(
        kind="vgpu",
        path="",
        times="modelled",
        clock="virtual",
        devices={0: f"{clock.gpu.full_name} (virtual)"},
        window=(since.host_ns, clock.host_ns),
        details={"host": clock.host.full_name},
    )
    return timeline(
        source,
        operations=_operations(activities) | {"process": process},
        calls={
            "name": [call.name for call in calls],
            "api": ["runtime" if call.name.startswith("cuda") else "driver" for call in calls],
            "start": [call.start for call in calls],
            "end": [call.end for call in calls],
            "process": process,
            "thread": [call.thread for call in calls],
            "correlation": [call.correlation for call in calls],
        },
        syncs=_syncs(calls) | {"process": process},
        findings=_uncounted(activities),
    )


def _operations(activities: Sequence[Activity]) -> dict[str, object]:
    grids = [activity.grid or _NOT_LAUNCHED for activity in activities]
    blocks = [activity.block or _NOT_LAUNCHED for activity in activities]
    is_kernel = [activity.kind == "kernel" for activity in activities]
    moved = [a.dram_bytes if kernel else a.bytes for a, kernel in zip(activities, is_kernel, strict=True)]
    return {
        "kind": [activity.kind for activity in activities],
        "name": [activity.name for activity in activities],
        "start": [activity.start for activity in activities],
        "end": [activity.end for activity in activities],
        "device": 0,
        "stream": [activity.stream for activity in activities],
        "context": 0,
        **{f"grid_{axis}": [grid[i] for grid in grids] for i, axis in enumerate("xyz")},
        **{f"block_{axis}": [block[i] for block in blocks] for i, axis in enumerate("xyz")},
        "registers": _of_kernels(is_kernel, [activity.registers for activity in activities]),
        "shared_bytes": _of_kernels(is_kernel, [activity.shared_bytes for activity in activities]),
        "bytes": [UNKNOWN if nbytes is None else nbytes for nbytes in moved],
        "correlation": [activity.correlation for activity in activities],
        "graph": [activity.graph or UNKNOWN for activity in activities],
        "graph_node": [activity.node or UNKNOWN for activity in activities],
    }


def _of_kernels(is_kernel: Sequence[bool], values: Sequence[int]) -> list[int]:
    return [value if kernel else UNKNOWN for kernel, value in zip(is_kernel, values, strict=True)]


def _syncs(calls: Sequence[ApiCall]) -> dict[str, object]:
    waits = [(call, found.group(1)) for call in calls if (found := _WAITS.match(call.name))]
    return {
        "kind": [_WAITED_FOR[what] for _, what in waits],
        "start": [call.start for call, _ in waits],
        "end": [call.end for call, _ in waits],
        "thread": [call.thread for call, _ in waits],
        "device": 0,
    }


def _uncounted(activities: Sequence[Activity]) -> tuple[Finding, ...]:
    """Kernels that ran without counters have a time that stands for nothing: only that they were launched is known."""
    names = [activity.name for activity in activities if activity.kind == "kernel" and activity.dram_bytes is None]
    if not names:
        return ()
    listed = ", ".join(sorted(set(names)))
    return (Finding("kernels not counted", len(names), f"{len(names):,} kernels have no modelled time: {listed}"),)
