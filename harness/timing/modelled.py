"""Profiles a function on the virtual clock: run once, its numbers computed, its times modelled.

In: a function on CPU tensors and an open vgpu. Out: a `Profile` marked "modelled". Torch operators reach the clock
through the dispatch mode, PyCUDA's launches through the driver; both are the same clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from harness.errors import FuseproofError
from harness.results.record import Profile
from harness.timeline.modelled import from_clock, mark
from harness.timeline.names import readable
from harness.timeline.ranges import Range, region
from harness.timeline.schema import UNKNOWN, Timeline
from harness.timeline.summary import Ints, launched_by, summarise, total_dram_bytes
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
    before = mark(clock)
    with observed(name, vgpu) as opened:
        function(*inputs)
    correlations = [call.correlation for call in clock.calls[before.calls :] if call.correlation]
    clock.synchronize()
    wall_ns = clock.host_ns - opened.start
    timeline = from_clock(clock, before)
    rows = launched_by(timeline, np.asarray(correlations, np.int64))
    counted = _counted_bytes(timeline, rows)
    return summarise(name, "modelled", timeline, rows, host_ns=opened.length, wall_ns=wall_ns, dram_bytes=counted)


@contextmanager
def observed(name: str, vgpu: Vgpu) -> Iterator[Range]:
    """A region on the virtual clock in which kernels are counted and torch's operators are launches."""
    clock = vgpu.clock
    with vgpu.using(COUNTED), region(name, lambda: clock.host_ns) as opened, torch.no_grad(), torch_launches(clock):
        yield opened


def _counted_bytes(timeline: Timeline, rows: Ints) -> int:
    """DRAM bytes of all kernels. A kernel that nobody counted has no time either: its profile would be wrong."""
    total = total_dram_bytes(timeline, rows)
    if total is None:
        chosen = timeline.operations.iloc[rows]
        names = chosen["name"][(chosen["kind"] == "kernel") & (chosen["bytes"] == UNKNOWN)]
        uncounted = sorted({readable(name) for name in names})
        raise FuseproofError(f"not counted, so not timed: {', '.join(uncounted)}; launch them on the opened vgpu")
    return total
