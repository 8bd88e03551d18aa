"""Runs variants of a case once each and gives what happened as one timeline: recorded on a GPU, modelled on the vgpu.

In: named functions with their inputs, and the device. Out: a `Timeline` with a range around each variant, the NVTX
ranges inside, and a finding where our own count of launches is another one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from harness.errors import FuseproofError
from harness.kernel import counted_launches
from harness.timeline import kineto
from harness.timeline.injection.record import Recording, record_if_free
from harness.timeline.live import launches_compared, with_ranges, with_regions
from harness.timeline.modelled import from_clock, mark
from harness.timeline.ranges import region
from harness.timeline.schema import Timeline
from harness.timing.modelled import observed
from harness.timing.other_profilers import finding, other_profilers, torch_profiler_active

if TYPE_CHECKING:
    from harness.device import Device
    from harness.vgpu import Vgpu

WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Variant:
    """`name` is that of its range."""

    name: str
    function: Callable[..., Any]
    inputs: Sequence[Any]

    def run(self) -> None:
        self.function(*self.inputs)


def traced(variants: Sequence[Variant], device: Device) -> Timeline:
    """One run of each variant, from an idle device until the device is idle again."""
    return on_vgpu(variants, device.vgpu) if device.vgpu else on_gpu(variants)


def on_vgpu(variants: Sequence[Variant], vgpu: Vgpu) -> Timeline:
    """The same on the virtual clock."""
    clock, opened = vgpu.clock, []
    clock.synchronize()
    since = mark(clock)
    with record_if_free(clock) as recording, counted_launches() as counted:
        for variant in variants:
            with observed(variant.name, vgpu) as region_of_it:
                variant.run()
            opened.append(region_of_it)
            clock.synchronize()
    made = with_ranges(with_regions(from_clock(clock, since), opened), recording)
    return replace(made, findings=(*made.findings, *launches_compared(made, counted)))


def on_gpu(variants: Sequence[Variant], *, nvtx: bool = True) -> Timeline:
    """The same on a GPU, as torch.profiler sees it, with or without NVTX ranges beside it.

    A first recording starts CUPTI up and is thrown away.
    """
    others = other_profilers()
    if torch_profiler_active():
        raise FuseproofError(
            "a torch.profiler is active in this process, and a second one would end it: leave it first"
        )
    with torch.no_grad():
        for variant in variants:
            for _ in range(WARM_UP):
                variant.run()
        _profiled(variants)
        listening = record_if_free() if nvtx else nullcontext(Recording("measured"))
        with listening as recording, counted_launches() as counted:
            profiler = _profiled(variants)
    made = with_ranges(_exported(profiler), recording)
    if sum(counted.values()) and made.operations.empty:
        seen = f"{', '.join(others)} watched this process too" if others else "is another profiler active?"
        raise FuseproofError(f"torch.profiler saw no operation on the GPU, and {counted.total()} kernels ran: {seen}")
    return replace(made, findings=(*made.findings, *finding(others), *launches_compared(made, counted)))


def _profiled(variants: Sequence[Variant]) -> torch.profiler.profile:
    kinds = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    torch.cuda.synchronize()
    with torch.profiler.profile(activities=kinds) as profiler:
        for variant in variants:
            with region(variant.name):
                variant.run()
            torch.cuda.synchronize()
    return profiler


def _exported(profiler: torch.profiler.profile) -> Timeline:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        made = kineto.load(path)
    return replace(made, source=replace(made.source, path=""))
