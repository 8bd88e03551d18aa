"""What the tests of kernels share: the device, and a check of one call by the rule that suites are judged by."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.device import current
from harness.equality.check import check
from harness.suite import STANDARD, Suite
from harness.sweep import Sweep


@pytest.fixture(scope="session")
def device():
    """The device of this process: a GPU where there is one, else the virtual one."""
    return current()


@pytest.fixture
def random(device):
    """Seeded normal tensors on the device."""
    generator = torch.Generator().manual_seed(0)

    def make(*shape, dtype=torch.float32):
        return torch.randn(*shape, generator=generator).to(dtype).to(device.torch)

    return make


@pytest.fixture
def agree(device):
    """Assert that a fused function equals its reference on these inputs."""

    def assert_agrees(fused, reference, *inputs, reduction=1):
        suite = Suite(
            name=fused.__name__, make_inputs=lambda case: inputs, fused=fused, reference=reference,
            sweep=Sweep(dtype="fp32"), launches=None, reduction=reduction, tolerance=STANDARD, nondeterministic="",
            path=Path(__file__), line=0,
        )  # fmt: skip
        verdict = check(suite, suite.cases()[0], device)
        assert verdict.passed, f"{verdict.reason}: {verdict.first}"

    return assert_agrees
