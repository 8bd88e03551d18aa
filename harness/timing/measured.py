"""Profiles a function on a real GPU: CUDA events for time, torch.profiler for launches, busy time and gaps.

In: a function on CUDA tensors. Out: a `Profile` marked "measured". Time and trace come from different runs, because
the profiler slows the host down. Before each timed run L2 is overwritten and the device waited for, so that the start
event is stamped on an idle stream and the host's own time is part of what is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from harness.errors import FuseproofError
from harness.results.record import Profile, Way
from harness.timeline.doubts import doubts, range_reasons
from harness.timeline.launches import launched, launches
from harness.timeline.live import MISCOUNTED
from harness.timeline.schema import Timeline
from harness.timeline.summary import Ints, summarise
from harness.timing.replayed import NotReplayable, captured, compiled
from harness.timing.sampling import repeat
from harness.timing.traced import WARM_UP, Variant, on_gpu

if TYPE_CHECKING:
    from harness.device import Device

_FLUSH_FACTOR = 2  # of L2's size


def profile(function: Callable[..., Any], inputs: Sequence[Any], *, name: str, device: Device) -> Profile:
    """Warm up, time, then trace one run."""
    if torch.backends.cuda.matmul.allow_tf32:
        raise FuseproofError(f"{name}: TF32 is on, so FP32 results and times are not FP32's; leave it off")
    with torch.no_grad():
        for _ in range(WARM_UP):
            function(*inputs)
        host_us, wall_us = timed(function, inputs, flush=_flusher(device.torch))
        timeline, rows = traced(function, inputs, name)
    return summarise(name, "measured", timeline, rows, host_ns=host_us * 1e3, wall_ns=wall_us * 1e3, dram_bytes=None)


def profiles(
    function: Callable[..., Any], inputs: Sequence[Any], *, name: str, device: Device, ways: Sequence[Way] = ()
) -> dict[Way, Profile | str]:
    """The eager profile, and those of further ways, or the reason why there is none."""
    made: dict[Way, Profile | str] = {"eager": profile(function, inputs, name=name, device=device)}
    for way in ways:
        try:
            run = captured(function, inputs) if way == "graph" else compiled(function, inputs)
        except NotReplayable as error:
            made[way] = str(error)
        else:
            made[way] = profile(run, (), name=f"{name} {way}", device=device)
    return made


def timed(function: Callable[..., Any], inputs: Sequence[Any], flush: Callable[[], None]) -> tuple[float, float]:
    """Medians of the host's and the whole run's time, microseconds."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    host: list[float] = []

    def once() -> float:
        flush()
        torch.cuda.synchronize()
        start.record()
        entered = time.perf_counter_ns()
        function(*inputs)
        host.append((time.perf_counter_ns() - entered) / 1e3)
        end.record()
        end.synchronize()
        return start.elapsed_time(end) * 1e3

    wall = repeat(once)
    return median(host), median(wall)


def traced(function: Callable[..., Any], inputs: Sequence[Any], name: str) -> tuple[Timeline, Ints]:
    """What one run inside region(name) launches; an error where our own count of launches is another one."""
    timeline = on_gpu([Variant(name, function, inputs)], nvtx=False)
    if wrong := [finding.sentence for finding in timeline.findings if finding.name == MISCOUNTED]:
        raise FuseproofError(f"{name}: {'; '.join(wrong)}; run it again")
    return timeline, operations_of(timeline, name)


def operations_of(timeline: Timeline, name: str) -> Ints:
    """Rows of the operations that the range launched; an error where the trace cannot be relied on."""
    named = np.flatnonzero(timeline.ranges["name"] == name)
    if len(named) != 1:
        raise FuseproofError(f"the trace has {len(named)} ranges named {name!r}, not one")
    found = launches(timeline)
    pairs = launched(timeline, found)
    rows = pairs.operation[pairs.range == named[0]]
    seen = doubts(timeline, found)
    if reason := range_reasons(timeline, seen, found)[named[0]]:
        raise FuseproofError(f"{name}: the profiler's trace is not complete: {reason}; run it again")
    if not len(rows):
        raise FuseproofError(f"{name}: the profiler saw no operation on the GPU: is CUPTI in use by another profiler?")
    if invalid := int(seen.untimed[rows].sum()):
        raise FuseproofError(f"{name}: the profiler gave {invalid} operations no valid times; run it again")
    return rows


def _flusher(device: torch.device) -> Callable[[], None]:
    size = torch.cuda.get_device_properties(device).L2_cache_size * _FLUSH_FACTOR
    buffer = torch.empty(size, dtype=torch.uint8, device=device)

    def flush() -> None:
        buffer.zero_()

    return flush
