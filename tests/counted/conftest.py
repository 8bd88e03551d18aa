"""Two kernels launched as fused functions are, and what the vgpu counts of them."""

from __future__ import annotations

import pytest
import torch

from harness.counted import count
from harness.kernel import Kernel
from tests.devices import vgpu_or_skip

_doubled, _turned = Kernel("kernels.cu", "doubled"), Kernel("kernels.cu", "turned")


def doubled(x):
    """2 * x"""
    out = torch.empty_like(x)
    _doubled(out, x, x.numel(), grid=-(-x.numel() // 128), block=128)
    return out


def turned(x):
    """x, read by columns"""
    out = torch.empty_like(x)
    _turned(out, x, len(x), grid=(len(x) // 32, len(x) // 32), block=(32, 32))
    return out


@pytest.fixture(scope="package")
def device():
    return vgpu_or_skip("counters come from the vgpu")


@pytest.fixture(scope="package")
def both(device):
    """A run of both kernels, one after the other."""
    return count(lambda x: turned(doubled(doubled(x))), [torch.ones(64, 64)], device, name="both")
