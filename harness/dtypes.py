"""The floating types that suites run in: one table for their short names, torch's names and C++'s names.

In: a short name ("fp16") or a torch dtype. Out: its row. Torch is imported only where a torch dtype is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import FuseproofError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Scalar:
    """One row: `digits` counts the significand's bits with the implicit one, `tiny` is the smallest subnormal."""

    name: str
    torch_name: str
    cpp: str
    digits: int
    tiny: float

    @property
    def roundoff(self) -> float:
        """u: the largest relative error of rounding to nearest, 2^-digits."""
        return 2.0**-self.digits

    @property
    def torch(self) -> torch.dtype:
        import torch

        return getattr(torch, self.torch_name)


SCALARS = (
    Scalar("fp16", "float16", "__half", digits=11, tiny=2.0**-24),
    Scalar("bf16", "bfloat16", "__nv_bfloat16", digits=8, tiny=2.0**-133),
    Scalar("fp32", "float32", "float", digits=24, tiny=2.0**-149),
    Scalar("fp64", "float64", "double", digits=53, tiny=2.0**-1074),
)

_BY_NAME = {scalar.name: scalar for scalar in SCALARS}
_BY_TORCH_NAME = {f"torch.{scalar.torch_name}": scalar for scalar in SCALARS}


def scalar_named(name: str) -> Scalar:
    """The row of a short name."""
    if name not in _BY_NAME:
        raise FuseproofError(f"no dtype is called {name!r}: choose from {', '.join(_BY_NAME)}")
    return _BY_NAME[name]


def scalar_of(dtype: torch.dtype) -> Scalar | None:
    """The row of a torch dtype; None for integers, booleans and the floating types that the table lacks."""
    return _BY_TORCH_NAME.get(str(dtype))
