"""Profiles a function on the virtual clock: run once, its numbers computed, its times modelled.

In: a function on CPU tensors and an open vgpu. Out: a `Profile` marked "modelled". Torch operators reach the clock
through the dispatch mode, PyCUDA's launches through the driver; both are the same clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from harness.errors import FuseproofError
from harness.results.record import Profile
from harness.timeline.operation import Operation, from_activities
from harness.timeline.ranges import region
from harness.timeline.summary import launched_by, summarise, total_dram_bytes
from harness.timing.torch_launches import torch_launches
from harness.vgpu.run.mode import Mode

if TYPE_CHECKING:
    from harness.vgpu import Vgpu

COUNTED = Mode(checked=False, counted=True)

STATED_ERROR = (
    "modelled times of eager PyTorch lie within 12.5 % of 28 published ones (BERT-base's encoder on a V100, "
    "FasterTransformer 2.1; tests/timing/test_published_encoder.py); other GPUs and fused kernels are not verified"
)


def profile(function: Callable[..., Any], inputs: Sequence[Any], *, name: str, vgpu: Vgpu) -> Profile:
    """Run `function(*inputs)` once, from an idle device until the device is idle again."""
    clock = vgpu.clock
    clock.synchronize()
    first_call, first_activity = len(clock.calls), len(clock.activities)
    with vgpu.using(COUNTED), region(name, lambda: clock.host_ns) as opened, torch.no_grad(), torch_launches(clock):
        function(*inputs)
    correlations = [call.correlation for call in clock.calls[first_call:] if call.correlation]
    clock.synchronize()
    wall_ns = clock.host_ns - opened.start
    operations = launched_by(from_activities(clock.activities[first_activity:]), correlations)
    return summarise(
        name, "modelled", operations, host_ns=opened.length, wall_ns=wall_ns, dram_bytes=_counted_bytes(operations)
    )


def _counted_bytes(operations: Sequence[Operation]) -> int:
    """DRAM bytes of all kernels. A kernel that nobody counted has no time either: its profile would be wrong."""
    total = total_dram_bytes(operations)
    if total is None:
        uncounted = sorted({op.name for op in operations if op.kind == "kernel" and op.dram_bytes is None})
        raise FuseproofError(f"not counted, so not timed: {', '.join(uncounted)}; launch them on the opened vgpu")
    return total
