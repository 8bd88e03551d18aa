"""Runs variants of a case once each and gives what happened as one timeline: recorded on a GPU, modelled on the vgpu.

In: named functions with their inputs, and the device. Out: a `Timeline` with a range around each variant, and around
its replay as a CUDA graph where that is wanted, the NVTX ranges inside, and findings where our own count of launches is
another one, or where a variant cannot be captured.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from harness.errors import FuseproofError
from harness.kernel import counted_launches
from harness.timeline import kineto
from harness.timeline.injection.record import Recording, record_if_free
from harness.timeline.live import launches_compared, with_ranges, with_regions
from harness.timeline.modelled import from_clock, mark
from harness.timeline.ranges import Range, region
from harness.timeline.schema import Finding, Timeline
from harness.timing.modelled import captured, observed, replay
from harness.timing.other_profilers import finding, other_profilers, torch_profiler_active
from harness.vgpu.activity import ApiCall

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


def traced(variants: Sequence[Variant], device: Device, *, graphs: bool = False) -> Timeline:
    """One run of each variant, and one as a graph, from an idle device until the device is idle again."""
    if device.vgpu:
        return on_vgpu(variants, device.vgpu, graphs=graphs)
    further, findings = _captured(variants) if graphs else ([], [])
    made = on_gpu([*variants, *further])
    return replace(made, findings=(*made.findings, *findings))


def on_vgpu(variants: Sequence[Variant], vgpu: Vgpu, *, graphs: bool = False) -> Timeline:
    """The same on the virtual clock."""
    clock, findings = vgpu.clock, []
    opened: list[Range] = []

    def run(name: str, function: Callable[[], object]) -> Sequence[ApiCall]:
        before = len(clock.calls)
        with observed(name, vgpu) as region_of_it:
            function()
        opened.append(region_of_it)
        calls = clock.calls[before:]
        clock.synchronize()
        return calls

    clock.synchronize()
    since = mark(clock)
    with record_if_free(clock) as recording, counted_launches() as counted:
        for variant in variants:
            first = len(clock.activities)
            calls = run(variant.name, variant.run)
            graph = captured(calls, first, clock) if graphs else None
            if isinstance(graph, str):
                findings.append(_not_captured(variant.name, graph))
            elif graph is not None:
                run(f"{variant.name} graph", partial(replay, graph, clock))
    made = with_ranges(with_regions(from_clock(clock, since), opened), recording)
    return replace(made, findings=(*made.findings, *launches_compared(made, counted), *findings))


def _captured(variants: Sequence[Variant]) -> tuple[list[Variant], list[Finding]]:
    """Each variant as a graph on a GPU; a finding for one that cannot be."""
    from harness.timing.replayed import NotReplayable
    from harness.timing.replayed import captured as captured_on_gpu

    made, findings = [], []
    for variant in variants:
        try:
            made.append(Variant(f"{variant.name} graph", captured_on_gpu(variant.function, variant.inputs), ()))
        except NotReplayable as error:
            findings.append(_not_captured(variant.name, str(error)))
    return made, findings


def _not_captured(name: str, reason: str) -> Finding:
    return Finding("not capturable", 1, f"{name} has no range as a CUDA graph: {reason}")


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
