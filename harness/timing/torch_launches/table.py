"""The table of rules: every aten operator that a modelled run may meet."""

from __future__ import annotations

import functools

import torch

from harness.errors import FuseproofError
from harness.timing.torch_launches import free, matrix, movement, pointwise, reduction, rows
from harness.timing.torch_launches.operator import describe
from harness.timing.torch_launches.rule import Rule


class NoRule(FuseproofError):
    """An operator whose launches are not known: counting none would be a lie."""


@functools.cache
def rules() -> dict[str, Rule]:
    """Rules by operator name, without "aten::" and overload."""
    return free.rules() | pointwise.rules() | reduction.rules() | rows.rules() | movement.rules() | matrix.rules()


def find(operator: torch._ops.OpOverload) -> Rule | None:
    """The rule of an operator; in-place and out= forms share their function's, unless they have their own."""
    if operator.namespace != "aten":
        return None
    name = operator._schema.name.removeprefix("aten::")
    known = rules()
    if name in known:
        return known[name]
    if name.endswith("_") and name.removesuffix("_") in known:
        return known[name.removesuffix("_")]
    return free.VIEW if free.is_view(operator) else None


def missing(operator: torch._ops.OpOverload, args: tuple, kwargs: dict) -> NoRule:
    """The error for an operator without a rule."""
    return NoRule(
        f"no rule says what {describe(operator, args, kwargs)} launches on PyTorch's CUDA backend, so this variant "
        f"cannot be modelled: read it in aten/src/ATen/native/cuda/ and add a rule named "
        f"{operator._schema.name.removeprefix('aten::')!r} to harness/timing/torch_launches/"
    )
