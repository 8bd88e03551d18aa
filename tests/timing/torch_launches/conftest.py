"""What the tests of the rules share: the launches of a function on CPU or meta tensors."""

from __future__ import annotations

import pytest
import torch

from harness.timing.torch_launches import torch_launches
from harness.vgpu import gpus, hosts
from harness.vgpu.clock import Clock


def _launched(function, *inputs, gpu="A100"):
    clock = Clock(gpus.load(gpu), hosts.load())
    with torch_launches(clock):
        function(*inputs)
    return clock.activities


def _name(activity):
    """Without namespace and template arguments; an elementwise kernel by what it computes."""
    bare, _, rest = activity.name.partition("<")
    return rest.rpartition(" ")[2].strip("<>") if bare.endswith("elementwise_kernel") and rest else bare


@pytest.fixture
def launched():
    """The activities of a call, in order."""
    return _launched


@pytest.fixture
def names():
    """Their names: kernels without template arguments, elementwise ones as what they compute."""
    return lambda function, *inputs, gpu="A100": [_name(each) for each in _launched(function, *inputs, gpu=gpu)]


@pytest.fixture
def meta():
    """A tensor of a shape, without memory."""

    def made(*shape, dtype=torch.float32):
        return torch.empty(shape, dtype=dtype, device="meta")

    return made
