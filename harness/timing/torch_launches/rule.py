"""A rule: what one aten operator launches on PyTorch's CUDA backend, and where that was read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from harness.timing.torch_launches.launch import Launch
from harness.timing.torch_launches.operator import OperatorCall
from harness.vgpu.gpus import Gpu

Launches: TypeAlias = Callable[[OperatorCall, Gpu], Sequence[Launch]]
HostCost: TypeAlias = Literal["operator", "view", "allocation"]


@dataclass(frozen=True, slots=True)
class Rule:
    """`source` is a path in the pytorch/pytorch repository; `cost` is what the host pays besides launch calls."""

    launches: Launches
    source: str
    cost: HostCost = "operator"


def nothing(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """The launches of an operator that touches no data."""
    return ()
