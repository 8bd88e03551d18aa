"""Distances between tensors: the errors that the policy judges, and ULPs, which are reported.

In: an output and the oracle's, of one shape. Out: plain numbers. Elements where either is NaN or infinite are left out
here; `harness.equality.compare` holds their pattern against the reference's.
"""

from __future__ import annotations

import torch

from harness.equality.policy import Errors, Magnitude
from harness.equality.tensors import bits


def differences(output: torch.Tensor, oracle: torch.Tensor) -> torch.Tensor:
    """|output - oracle| in FP64, 0 where either is not finite."""
    return (output.double() - oracle).abs_().nan_to_num_(nan=0.0, posinf=0.0)


def errors(differences: torch.Tensor, oracle: torch.Tensor, tiny: float) -> Errors:
    """The three measures. What the dtype's subnormals cannot resolve does not count against a row."""
    if differences.numel() == 0:
        return Errors(0.0, 0.0, 0.0)
    by_row = torch.linalg.vector_norm(_rows(differences), dim=-1)
    of_row = torch.linalg.vector_norm(_rows(finite(oracle)), dim=-1)
    unresolved = tiny / 2 * _rows(differences).shape[-1] ** 0.5
    relative = (by_row - unresolved).clamp_(min=0.0) / of_row
    return Errors(
        largest=differences.max().item(),
        norm=torch.linalg.vector_norm(by_row).item(),
        worst_row=relative.nan_to_num_(nan=0.0, posinf=float("inf")).max().item(),
    )


def magnitude(oracle: torch.Tensor) -> Magnitude:
    """Of the finite elements."""
    if oracle.numel() == 0:
        return Magnitude(0.0, 0.0, 0)
    kept = finite(oracle)
    return Magnitude(kept.abs().max().item(), torch.linalg.vector_norm(kept).item(), int(oracle.isfinite().sum()))


def largest_relative(differences: torch.Tensor, oracle: torch.Tensor, resolved: float) -> float:
    """max |error| / |oracle|, of elements whose oracle is at least `resolved`: below it there is only rounding."""
    sizes = finite(oracle).abs()
    counted = (sizes > 0) & (sizes >= resolved)
    return (differences[counted] / sizes[counted]).max().item() if counted.any() else 0.0


def largest_ulps(output: torch.Tensor, oracle: torch.Tensor, resolved: float = 0.0) -> float:
    """How many numbers of the output's dtype lie between it and the rounded oracle, at most; of the same elements."""
    rounded = oracle.to(output.dtype)
    counted = output.isfinite() & rounded.isfinite() & (oracle.abs() >= resolved)
    if not counted.any():
        return 0.0
    steps = (_ordered(output) - _ordered(rounded)).abs_()
    return float(steps.masked_fill_(~counted, 0).max().item())


def finite(tensor: torch.Tensor) -> torch.Tensor:
    """With 0 for NaN and infinities."""
    return tensor.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)


def _ordered(tensor: torch.Tensor) -> torch.Tensor:
    """Integers in the order of the floating numbers, consecutive for neighbours; -0 and 0 are both 0."""
    raw = bits(tensor).long()
    lowest = -(1 << (8 * tensor.element_size() - 1))
    return torch.where(raw < 0, lowest - raw, raw)


def _rows(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if tensor.dim() > 0 else tensor.reshape(1)
