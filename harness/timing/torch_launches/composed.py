"""Rules that are written as the operators which a CUDA function calls itself.

In: a function of torch operators, run on meta tensors (shapes without memory). Out: the launches of these operators by
their own rules, in order. So a rule reads like the C++ that it was read from, and changes with the rules below it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from harness.timing.torch_launches.launch import Launch
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Launches
from harness.vgpu.gpus import Gpu


def composed(function: Callable[[OperatorCall], Any]) -> Launches:
    """The launches of the operators that `function` calls; it gets the call with meta tensors."""

    def launches(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
        shapes = replace(call, args=twin(call.args), kwargs=twin(call.kwargs), result=twin(call.result))
        return launches_of(lambda: function(shapes), gpu)

    return launches


def launches_of(function: Callable[[], Any], gpu: Gpu) -> list[Launch]:
    """What the operators that `function` calls launch."""
    from harness.timing.torch_launches.recording import Recording  # the table of rules, of which this is a part

    found: list[Launch] = []
    with torch._C.DisableTorchFunction(), Recording(gpu, lambda rule, launches: found.extend(launches)):
        function()
    return found


def twin(value: Any) -> Any:
    """The same with a meta tensor of equal shape, strides and dtype for each tensor."""
    if isinstance(value, torch.Tensor):
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
    if isinstance(value, list | tuple):
        return type(value)(twin(item) for item in value)
    if isinstance(value, dict):
        return {key: twin(item) for key, item in value.items()}
    return value
