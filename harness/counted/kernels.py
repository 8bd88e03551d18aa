"""Runs a function once in count mode and puts its launches together by kernel.

In: a function on CPU tensors and the open vgpu. Out: counters, resources and occupancy of every kernel that PyCUDA
launched, and the bytes that the function cannot but move. Kernels of torch's own operators are not executed, so they
have no counters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from harness.counted.compulsory import compulsory_bytes
from harness.errors import FuseproofError
from harness.kernel import resources_of
from harness.resources import Resources
from harness.timeline.names import readable
from harness.vgpu.activity import Activity, Extent
from harness.vgpu.counters.figures import Efficiency, efficiency
from harness.vgpu.counters.record import Counters
from harness.vgpu.counters.total import total
from harness.vgpu.occupancy import Occupancy, occupancy
from harness.vgpu.run.mode import Mode

if TYPE_CHECKING:
    from harness.case import Case
    from harness.device import Device
    from harness.suite import Suite
    from harness.vgpu.gpus import Gpu


@dataclass(frozen=True, slots=True)
class Kernel:
    """Launches of one kernel with one shape: `counters` are their sums, by source line too."""

    name: str
    symbol: str
    launches: int
    grid: Extent
    block: Extent
    registers: int  # a thread
    shared_bytes: int  # a block, static and dynamic
    counters: Counters
    resources: Resources | None  # None where the kernel was not compiled by `harness.kernel`
    occupancy: Occupancy
    occupancy_share: float
    waves: float

    @property
    def efficiency(self) -> Efficiency:
        return efficiency(self.counters)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a function; no `kernels` where it launched none through PyCUDA. `compulsory_bytes`: its inputs read
    and its outputs written once; None where that is not to be known, and then `withheld` says why."""

    name: str
    device: str
    gpu: str
    kernels: tuple[Kernel, ...]
    compulsory_bytes: int | None
    withheld: str = ""

    @property
    def counters(self) -> Counters:
        """Of all kernels."""
        return total(kernel.counters for kernel in self.kernels)

    @property
    def efficiency(self) -> Efficiency:
        return efficiency(self.counters)

    @property
    def traffic(self) -> float | None:
        """DRAM bytes of all kernels over the compulsory ones."""
        return self.counters.dram_bytes / self.compulsory_bytes if self.compulsory_bytes else None

    @property
    def l2_traffic(self) -> float | None:
        """L2 bytes of all kernels over the compulsory ones: what blocks read again counts again."""
        return self.counters.l2_bytes / self.compulsory_bytes if self.compulsory_bytes else None


def count(
    function: Callable[..., Any],
    inputs: Sequence[Any],
    device: Device,
    *,
    name: str = "",
    sample: int = 0,
    by_line: bool = True,
) -> Run:
    """Run `function(*inputs)` once and count. `sample`: count only so many blocks of each launch, and scale up;
    `by_line`: also for each line of the source."""
    from harness.timing.modelled import observed

    vgpu = device.vgpu
    if vgpu is None:
        raise FuseproofError(f"{name or function}: counters come from the vgpu, not from {device.label}: use vgpu:GPU")
    before = len(vgpu.clock.activities)
    mode = Mode(checked=False, counted=True, by_line=by_line, sample=sample)
    with observed(name or "counted", vgpu, mode):
        outputs = function(*inputs)
    activities = vgpu.clock.activities[before:]
    launched = [each for each in activities if each.kind == "kernel" and each.counters is not None]
    kernels = tuple(_kernel(launches, vgpu.gpu) for launches in _by_shape(launched))
    compulsory, withheld = compulsory_bytes(inputs, outputs), ""
    if len(launched) < len(activities):
        compulsory, withheld = None, "torch's own operators move a part of the data"
    elif compulsory is None:
        withheld = "outputs lie in inputs, and how much of those must be read is not known"
    return Run(name, device.label, vgpu.gpu.full_name, kernels, compulsory, withheld)


def count_case(suite: Suite, case: Case, device: Device, *, sample: int = 0, by_line: bool = True) -> Run:
    """The fused function of a suite on the inputs of one case."""
    inputs = suite.inputs(case, device.torch)
    return count(suite.fused, inputs, device, name=repr(case), sample=sample, by_line=by_line)


def _by_shape(launched: Sequence[Activity]) -> list[list[Activity]]:
    """In the order in which each kernel and shape was first launched."""
    found: dict[tuple, list[Activity]] = {}
    for each in launched:
        found.setdefault((each.name, each.grid, each.block, each.shared_bytes), []).append(each)
    return list(found.values())


def _kernel(launches: Sequence[Activity], gpu: Gpu) -> Kernel:
    first = launches[0]
    assert first.grid is not None
    assert first.block is not None
    fit = occupancy(first.block, first.registers, first.shared_bytes, gpu)
    return Kernel(
        name=readable(first.name),
        symbol=first.name,
        launches=len(launches),
        grid=first.grid,
        block=first.block,
        registers=first.registers,
        shared_bytes=first.shared_bytes,
        counters=total(each.counters for each in launches if each.counters is not None),
        resources=resources_of(first.name),
        occupancy=fit,
        occupancy_share=fit.share(gpu),
        waves=fit.waves(prod(first.grid), gpu),
    )
