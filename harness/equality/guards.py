"""Guards around a call of a fused function: nothing may look right by luck.

In: a function and its inputs. Out: its outputs, or a `GuardError` that says what it did: changed an input, left part of
an output unwritten (it holds poison), returned other bits at a second run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from harness.equality.tensors import map_tensors, outputs_of, same_bits, tensors_in
from harness.errors import FuseproofError

_EMPTY = frozenset(
    f"aten::{name}"
    for name in ("empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided")
)
_POISON_BYTE = 0xA5  # integers become large and odd, not 0; floats become NaN, which every later operation keeps


class GuardError(FuseproofError):
    """What a guard saw; `output`, `index` and `got` say where and what, if at an output's element."""

    def __init__(self, message: str, output: str = "", index: tuple[int, ...] = (), got: float = 0.0) -> None:
        super().__init__(message)
        self.output, self.index, self.got = output, index, got


class PoisonedEmpties(TorchDispatchMode):
    """While active, memory that torch hands out uninitialised is full of poison instead of what was there before."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if func._schema.name in _EMPTY:
            poison(made)
        return made


def poison(tensor: torch.Tensor) -> None:
    """Overwrite with NaN, or for integers with a pattern that no kernel computes by chance."""
    if tensor.is_floating_point() or tensor.is_complex():
        tensor.fill_(float("nan"))
    elif tensor.dtype == torch.bool:
        tensor.fill_(True)
    else:
        size = tensor.element_size()
        tensor.fill_(int.from_bytes(bytes([_POISON_BYTE] * size), "little", signed=tensor.dtype.is_signed))


def guarded_call(function: Callable[..., Any], inputs: Sequence[Any], name: str) -> Any:
    """Call with poisoned allocations; the inputs must hold the same bits afterwards."""
    before = map_tensors(torch.clone, tuple(inputs))
    with torch.no_grad(), PoisonedEmpties():
        made = function(*inputs)
    after = tensors_in(tuple(inputs), "input")
    for (which, kept), (_, now) in zip(tensors_in(before, "input"), after, strict=True):
        if not (unchanged := same_bits(kept, now)).all():
            raise GuardError(f"{name} changed {which} at {list(first_false(unchanged))}: inputs are read only")
    return made


def repeated_call(function: Callable[..., Any], inputs: Sequence[Any], name: str, first: Any) -> None:
    """Call again, after the outputs of the `first` call were copied and then poisoned: the bits must be the same.

    A function that skips its work at the second call returns poison, and shows.
    """
    kept = map_tensors(torch.clone, first)
    owned = {tensor.untyped_storage().data_ptr() for _, tensor in tensors_in(tuple(inputs), "input")}
    for _, tensor in outputs_of(first, name):
        if tensor.untyped_storage().data_ptr() not in owned:
            poison(tensor)
    again = guarded_call(function, inputs, name)
    for (output, one), (_, other) in zip(outputs_of(kept, name), outputs_of(again, name), strict=True):
        if one.shape != other.shape or one.dtype != other.dtype:
            raise GuardError(f"{name} returned another shape or dtype at its second run", output)
        if not (same := same_bits(one, other)).all():
            at = first_false(same)
            raise GuardError(
                f"{name} run twice on the same inputs: {output}{list(at)} was {one[at].item()!r}, then "
                f"{other[at].item()!r}; a missing __syncthreads(), a stale output, or an order that is not fixed",
                output,
                at,
                float(other[at]),
            )


def first_false(kept: torch.Tensor) -> tuple[int, ...]:
    """The first index, row by row, where a boolean tensor is false."""
    return tuple(int(position) for position in (~kept).nonzero()[0])
