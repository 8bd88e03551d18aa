"""A rule: what one aten operator launches on PyTorch's CUDA backend, and where that was read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from harness.timing.torch_launches.launch import Launch
from harness.timing.torch_launches.operator import OperatorCall
from harness.vgpu.gpus import Gpu

Launches: TypeAlias = Callable[[OperatorCall, Gpu], Sequence[Launch]]
HostCost: TypeAlias = Literal["operator", "view", "allocation"]
Runs: TypeAlias = Callable[[Any, tuple, dict], Any]


def run(operator: Any, args: tuple, kwargs: dict) -> Any:
    """The operator's own result."""
    return operator(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class Rule:
    """What an operator launches, and from which file that was read.

    `source` is a path in the pytorch/pytorch repository. `cost` is what the host pays besides launch calls. `form` is
    what is launched whatever the sizes, for calls whose arguments nobody recorded: families (names.py) separated by
    spaces, with `?` where it may be missing, `*` and `+` where it repeats, `|` between alternatives; None where only
    the arguments can tell. `result` computes the operator's result where the tensors at hand cannot: of a shape without
    memory there is no value to read.
    """

    launches: Launches
    source: str
    cost: HostCost = "operator"
    form: str | None = None
    result: Runs = run


def nothing(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """The launches of an operator that touches no data."""
    return ()
