"""The budget of a decoding step at FasterTransformer's six layers, counted: 100 launches of the original, 70 here,
whatever the number of rows."""

from __future__ import annotations

import pytest
import torch

from harness.case import Case
from harness.timing.modelled import observed
from kernels.decoding import loop
from suites.decoding import models

SIZES = {"dtype": "fp16", "layers": 6, "vocabulary": (1 << 14) + 16, "memory": 3}  # two stages


@pytest.fixture
def launches(device):
    """Kernels that a function launches."""
    if not device.vgpu:
        pytest.skip("only the vgpu has a clock that is read back")

    def count(function, *args):
        before = len(device.vgpu.clock.activities)
        with observed("launches", device.vgpu):
            function(*args)
        return sum(one.kind == "kernel" for one in device.vgpu.clock.activities[before:])

    return count


@pytest.mark.parametrize(("batch", "beams"), [(2, 2), (1, 1)])
def test_a_step_takes_70_launches(device, launches, batch, beams):
    case = Case("decoding", SIZES | {"batch": batch})
    case.start(device.torch)
    given = models.model(case), *models.encoded(case), models.START, models.END
    searches = [launches(loop.beam_search, *given, beams, steps, 0.6) for steps in (1, 2)]
    assert searches[1] - searches[0] == 70
    uniforms = torch.rand(2, batch).to(device.torch)
    samples = [launches(loop.sample_by_top_k, *given, uniforms[:steps], 4, 1.0) for steps in (1, 2)]
    assert samples[1] - samples[0] == 69
