"""Compares the outputs of a fused function with the oracle's and the naive reference's.

In: the three sets of outputs and the policy's parameters. Out: one `Verdict`; of several outputs the worst one's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from harness.dtypes import Scalar, scalar_of
from harness.equality import measure, policy
from harness.equality.tensors import outputs_of
from harness.results.record import Mismatch, Verdict

UNKNOWN = float("nan")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a comparison depends on besides the outputs. `inputs` serve to see that a copy of one would fail."""

    factor: float = 2.0
    reduction: int = 1
    inputs: Sequence[torch.Tensor] = ()


def compare(fused: Any, naive: Any, oracle: Any, terms: Terms) -> Verdict:
    """The verdict over all outputs."""
    expected = outputs_of(naive, "the reference")
    got = outputs_of(fused, "the fused function")
    exact = outputs_of(oracle, "the reference in FP64")
    if [name for name, _ in got] != [name for name, _ in expected]:
        return failure(f"the reference returns {len(expected)} tensors, the fused function {len(got)}")
    verdicts = [
        _compare_output(name, output, reference, oracle.to(output.device), terms)
        for (name, output), (_, reference), (_, oracle) in zip(got, expected, exact, strict=True)
    ]
    return next((verdict for verdict in verdicts if not verdict.passed), max(verdicts, key=_share_used))


def failure(reason: str, first: Mismatch | None = None, mismatches: int = 0) -> Verdict:
    """A verdict from something else than a distance: the figures are unknown."""
    return Verdict(False, reason, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, mismatches, first)


def _share_used(verdict: Verdict) -> float:
    """How much of the allowed error an output that passed has used."""
    return verdict.error / verdict.allowed if verdict.allowed else 0.0


def _compare_output(name: str, got: torch.Tensor, naive: torch.Tensor, oracle: torch.Tensor, terms: Terms) -> Verdict:
    if got.shape != naive.shape:
        return failure(f"{name} has shape {list(got.shape)}, the reference's {list(naive.shape)}")
    if got.dtype != naive.dtype:
        return failure(f"{name} is {got.dtype}, the reference's {naive.dtype}")
    scalar = scalar_of(got.dtype)
    if scalar is None:
        return _compare_exactly(name, got, naive)
    return _compare_floating(name, got, naive, oracle.double(), scalar, terms)


def _compare_exactly(name: str, got: torch.Tensor, naive: torch.Tensor) -> Verdict:
    """Integers and booleans: equal or not."""
    wrong = got != naive
    count = int(wrong.sum())
    if not count:
        return Verdict(True, "", 0.0, 0.0, 0.0, 0.0, 0.0, 0, None)
    error = (got.double() - naive.double()).abs().max().item()
    first = _mismatch(name, _first(wrong), got, naive, naive)
    return Verdict(False, f"{name} differs in {count} of {got.numel()} elements", error, UNKNOWN, UNKNOWN, error, 0.0,
                   count, first)  # fmt: skip


def _compare_floating(
    name: str, got: torch.Tensor, naive: torch.Tensor, oracle: torch.Tensor, scalar: Scalar, terms: Terms
) -> Verdict:
    found = measure.differences(got, oracle)
    size = measure.magnitude(oracle)
    floor = policy.floors(scalar, terms.reduction, size)
    naive_errors = measure.errors(measure.differences(naive, oracle), oracle, scalar.tiny)
    limit = policy.allowed(terms.factor, naive_errors, floor)
    errors = measure.errors(found, oracle, scalar.tiny)

    pattern = _wrong_pattern(got, naive, oracle)
    wrong = pattern | (found > limit.largest)
    count = int(wrong.sum())
    largest = math.inf if pattern.any() else errors.largest
    reason = _reason(name, got, pattern, policy.excess(errors, limit))
    if not reason:
        reason = _impostor(got, oracle, size, limit.norm, floor.norm, terms.inputs)
    return Verdict(
        passed=not reason,
        reason=reason,
        max_abs=largest,
        max_rel=measure.largest_relative(found, oracle, floor.largest),
        max_ulp=measure.largest_ulps(got, oracle, floor.largest),
        error=largest,
        allowed=limit.largest,
        mismatches=count,
        first=_mismatch(name, _first(wrong) if count else _worst(found), got, naive, oracle) if reason else None,
    )


def _wrong_pattern(got: torch.Tensor, naive: torch.Tensor, oracle: torch.Tensor) -> torch.Tensor:
    """Where NaN, +inf, -inf and finite numbers stand neither as in the oracle, rounded, nor as in the reference."""
    kind = _kind(got)
    return (kind != _kind(oracle.to(got.dtype))) & (kind != _kind(naive))


def _kind(tensor: torch.Tensor) -> torch.Tensor:
    """0 finite, 1 and -1 the infinities, 2 NaN."""
    kinds = tensor.isposinf().to(torch.int8) - tensor.isneginf().to(torch.int8)
    return kinds.masked_fill_(tensor.isnan(), 2)


def _reason(name: str, got: torch.Tensor, pattern: torch.Tensor, excess: str) -> str:
    if misplaced := int(pattern.sum()):
        nans = int((got.isnan() & pattern).sum())
        what = f"{nans} NaN" if nans == misplaced else f"{misplaced} NaN, infinite or finite elements"
        return f"{name} has {what} where the reference has none, of {got.numel()} elements"
    return f"{name}: {excess}" if excess else ""


def _impostor(
    got: torch.Tensor,
    oracle: torch.Tensor,
    size: policy.Magnitude,
    allowed: float,
    floor: float,
    inputs: Sequence[torch.Tensor],
) -> str:
    """Whether a function that computes nothing would have passed: then this case proves nothing, and fails.

    A constant or a copied input is no impostor where it is the right answer up to rounding (softmax over one key).
    """
    if size.count == 0:
        return ""
    kept = measure.finite(oracle)
    if size.norm <= allowed:
        return "a zero output would pass: the inputs, or the reference in this dtype, are no test"
    mean = kept.sum().item() / size.count
    spread = math.sqrt(max(0.0, size.norm**2 - size.count * mean**2))
    # The subtraction cancels: what is left of it below the roundoff of FP64 says nothing.
    if 1e-7 * size.norm + floor < spread <= allowed:
        return "a constant output would pass: the inputs, or the reference in this dtype, are no test"
    for tensor in inputs:
        if tensor.shape == got.shape and tensor.dtype == got.dtype:
            distance = torch.linalg.vector_norm(measure.differences(tensor, oracle)).item()
            if floor < distance <= allowed:
                return "a copy of an input would pass: the inputs, or the reference in this dtype, are no test"
    return ""


def _first(wrong: torch.Tensor) -> int:
    return int(wrong.reshape(-1).to(torch.uint8).argmax())


def _worst(differences: torch.Tensor) -> int:
    return int(differences.reshape(-1).argmax())


def _mismatch(name: str, flat: int, got: torch.Tensor, naive: torch.Tensor, oracle: torch.Tensor) -> Mismatch:
    index = []
    rest = flat
    for size in reversed(got.shape):
        rest, position = divmod(rest, size)
        index.append(position)
    at = tuple(reversed(index))
    return Mismatch(name, at, float(naive[at]), float(got[at]), float(oracle[at]))
