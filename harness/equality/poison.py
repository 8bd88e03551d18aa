"""Poison: what uninitialised memory is filled with, so that nothing reads right by luck.

In: a pattern. Out: torch's uninitialised allocations full of it, inside a block. Two patterns, because one hides what
the other shows: a maximum ignores NaN, a comparison with a bound may ignore large numbers. A result that depends on
memory that nothing has written differs between them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from harness.dtypes import scalar_of
from harness.equality.tensors import bits

_EMPTY = frozenset(
    f"aten::{name}"
    for name in ("empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided")
)


class Pattern(IntEnum):
    """The byte that device memory and shared memory of the vgpu get; tensors get numbers of their dtype."""

    NAN = 0xFF
    LARGE = 0x6B  # floats and integers far from 0, finite; of alternating sign where the tensor is dense


# Quiet NaNs with a payload that no arithmetic makes by itself, so that an element that was never written is told from
# one that was computed as NaN. As signed integers of the same size.
_NANS = {"fp16": 0x7FA5, "bf16": 0x7FE5, "fp32": 0x7FE5A5A5, "fp64": 0x7FFDA5A5A5A5A5A5}
_INTEGER_BYTE = 0xA5


def poison(tensor: torch.Tensor, pattern: Pattern = Pattern.NAN) -> None:
    """Overwrite every element."""
    if tensor.dtype == torch.bool:
        tensor.fill_(pattern is Pattern.NAN)
    elif tensor.is_complex():
        torch.view_as_real(tensor).fill_(float("nan") if pattern is Pattern.NAN else 1e4)
    elif pattern is Pattern.NAN:
        bits(tensor).fill_(_first_pattern(tensor))
    else:
        number = _repeated(0x6B, tensor)
        bits(tensor).fill_(number)
        if tensor.is_contiguous():
            other = bits(tensor).view(-1)[1::2]
            other.fill_(number + torch.iinfo(other.dtype).min if torch.iinfo(other.dtype).min else ~number & 0xFF)


def unwritten(tensor: torch.Tensor) -> torch.Tensor:
    """Where the first pattern still stands. Nowhere for booleans, which have no spare value."""
    if tensor.dtype == torch.bool or tensor.is_complex():
        return torch.zeros(tensor.shape, dtype=torch.bool, device=tensor.device)
    return bits(tensor) == _first_pattern(tensor)


class PoisonedEmpties(TorchDispatchMode):
    """While active, memory that torch hands out uninitialised is full of poison instead of what was there before."""

    def __init__(self, pattern: Pattern = Pattern.NAN) -> None:
        super().__init__()
        self.pattern = pattern

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if self.makes_empty(func):
            made = self.place(made)
            poison(made, self.pattern)
        return made

    def makes_empty(self, func: Any) -> bool:
        """Whether an operator hands out uninitialised memory."""
        return func._schema.name in _EMPTY

    def place(self, made: torch.Tensor) -> torch.Tensor:
        """Where an uninitialised tensor lies: a subclass moves it."""
        return made


def _first_pattern(tensor: torch.Tensor) -> int:
    scalar = scalar_of(tensor.dtype)
    return _NANS[scalar.name] if scalar else _repeated(_INTEGER_BYTE, tensor)


def _repeated(byte: int, tensor: torch.Tensor) -> int:
    """One byte in all places of an element, as an integer of the element's bits."""
    signed = tensor.is_floating_point() or tensor.dtype.is_signed
    return int.from_bytes(bytes([byte] * tensor.element_size()), "little", signed=signed)
