"""The table of rules: every aten operator that a modelled run may meet."""

from __future__ import annotations

import functools

import torch

from harness.errors import FuseproofError
from harness.timing.torch_launches import (
    attention,
    convolution,
    definitions,
    drawing,
    embedding,
    foreach,
    free,
    indexing,
    losses,
    matrix,
    movement,
    normalization,
    pointwise,
    reduction,
    rows,
    rows_backward,
    scans,
    sorting,
)
from harness.timing.torch_launches.operator import describe
from harness.timing.torch_launches.rule import Rule

_FAMILIES = (
    free, movement, pointwise, reduction, rows, rows_backward, matrix, attention, indexing, embedding, sorting, scans,
    foreach, losses, normalization, convolution, drawing, definitions,
)  # fmt: skip


class NoRule(FuseproofError):
    """An operator whose launches are not known: counting none would be a lie."""


@functools.cache
def rules() -> dict[str, Rule]:
    """Rules by operator name, without "aten::" and overload."""
    merged: dict[str, Rule] = {}
    for family in _FAMILIES:
        found = family.rules()
        twice = merged.keys() & found.keys()
        assert not twice, f"two rules for {sorted(twice)}"
        merged |= found
    return merged


def find(operator: torch._ops.OpOverload) -> Rule | None:
    """The rule of an operator; in-place and out= forms share their function's, unless they have their own."""
    if operator.namespace == "profiler":
        return free.PROFILER
    if operator.namespace != "aten":
        return None
    name = operator._schema.name.removeprefix("aten::")
    known = rules()
    if name in known:
        return known[name]
    if name.endswith("_") and name.removesuffix("_") in known:
        found = known[name.removesuffix("_")]
        return found if found.launches is not definitions.LAUNCHES or definitions.is_defined(operator) else None
    return free.VIEW if free.is_view(operator) else None


def missing(operator: torch._ops.OpOverload, args: tuple, kwargs: dict) -> NoRule:
    """The error for an operator without a rule."""
    return NoRule(
        f"no rule says what {describe(operator, args, kwargs)} launches on PyTorch's CUDA backend, so this variant "
        f"cannot be modelled: read it in aten/src/ATen/native/cuda/ and add a rule named "
        f"{operator._schema.name.removeprefix('aten::')!r} to harness/timing/torch_launches/"
    )
