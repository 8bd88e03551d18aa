"""Compares the outputs of a fused function with the oracle's and the naive reference's.

In: the three sets of outputs and the policy's parameters. Out: one `Verdict`; of several outputs the worst one's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from harness.dtypes import Scalar, scalar_of
from harness.equality import measure, policy
from harness.equality.integers import compare_integers
from harness.equality.patterns import hints
from harness.equality.rules import default_rule
from harness.equality.tensors import outputs_of
from harness.equality.terms import Terms
from harness.equality.verdicts import failure, first_true, mismatch
from harness.results.record import Verdict

__all__ = ["Terms", "compare", "failure"]


def compare(fused: Any, naive: Any, oracle: Any, terms: Terms, shaken: Any = None) -> Verdict:
    """The verdict over all outputs. `shaken`: the oracle's outputs for inputs that rounding has moved; their distance
    from the oracle's is what these inputs make of any rounding, and is allowed on top.
    """
    expected = outputs_of(naive, "the reference")
    got = outputs_of(fused, "the fused function")
    exact = outputs_of(oracle, "the reference in FP64")
    moved = outputs_of(shaken, "the reference in FP64") if shaken is not None else [("", None)] * len(exact)
    if [name for name, _ in got] != [name for name, _ in expected]:
        return failure(f"the reference returns {len(expected)} tensors, the fused function {len(got)}")
    verdicts = [
        _compare_output(name, output, reference, oracle.to(output.device), terms, other)
        for (name, output), (_, reference), (_, oracle), (_, other) in zip(got, expected, exact, moved, strict=True)
    ]
    return next((verdict for verdict in verdicts if not verdict.passed), max(verdicts, key=_share_used))


def _share_used(verdict: Verdict) -> float:
    """How much of the allowed error an output that passed has used."""
    return 0.0 if math.isnan(verdict.used) else verdict.used


def _compare_output(
    name: str,
    got: torch.Tensor,
    naive: torch.Tensor,
    oracle: torch.Tensor,
    terms: Terms,
    shaken: torch.Tensor | None,
) -> Verdict:
    if got.shape != naive.shape:
        return failure(f"{name} has shape {list(got.shape)}, the reference's {list(naive.shape)}")
    if got.dtype != naive.dtype:
        return failure(f"{name} is {got.dtype}, the reference's {naive.dtype}")
    scalar = scalar_of(got.dtype)
    if scalar is None:
        return compare_integers(name, got, naive, oracle, terms.rules.get(name, default_rule(got.dtype)), terms)
    return _compare_floating(name, got, naive, oracle.double(), scalar, terms, shaken)


def _compare_floating(
    name: str,
    got: torch.Tensor,
    naive: torch.Tensor,
    oracle: torch.Tensor,
    scalar: Scalar,
    terms: Terms,
    shaken: torch.Tensor | None,
) -> Verdict:
    found = measure.differences(got, oracle)
    size = measure.magnitude(oracle)
    floor = policy.floors(scalar, terms.reduction, size)
    limit = policy.allowed(terms.factor, _errors(naive, oracle, scalar), floor)
    if shaken is not None:
        limit = policy.allowed(terms.factor, _errors(shaken.to(got.device), oracle, scalar), limit)
    errors = measure.errors(found, oracle, scalar.tiny)

    pattern = _wrong_pattern(got, naive, oracle, policy.relative_floor(scalar, terms.reduction))
    wrong = pattern | (found > limit.largest)
    count = int(wrong.sum())
    largest = math.inf if pattern.any() else errors.largest
    reason = _reason(name, got, pattern, policy.excess(errors, limit))
    if not reason and terms.impostors:
        reason = _impostor(got, oracle, size, limit.norm, floor.norm, terms.inputs)
    verdict = Verdict(
        passed=not reason,
        reason=reason,
        max_abs=largest,
        max_rel=measure.largest_relative(found, oracle, floor.largest),
        max_ulp=measure.largest_ulps(got, oracle, floor.largest),
        error=largest,
        allowed=limit.largest,
        mismatches=count,
        first=None,
        used=math.inf if pattern.any() else policy.used(errors, limit),
    )
    if verdict.passed:
        return verdict
    at = first_true(wrong) if count else int(found.reshape(-1).argmax())
    shown = wrong if count else found > 0.5 * errors.largest
    first = mismatch(name, at, got, naive, oracle) if got.numel() else None
    return replace(verdict, first=first, hints=hints(got, oracle, shown, terms.inputs))


def _errors(output: torch.Tensor, oracle: torch.Tensor, scalar: Scalar) -> policy.Errors:
    return measure.errors(measure.differences(output, oracle), oracle, scalar.tiny)


def _wrong_pattern(got: torch.Tensor, naive: torch.Tensor, oracle: torch.Tensor, relative: float) -> torch.Tensor:
    """Where NaN, +inf, -inf and finite numbers stand neither as in the oracle, rounded, nor as in the reference.

    Within the relative floor of the largest number of the dtype, rounding decides between that number and infinity.
    """
    kind = _kind(got)
    wrong = (kind != _kind(oracle.to(got.dtype))) & (kind != _kind(naive))
    if not wrong.any():
        return wrong
    largest = torch.finfo(got.dtype).max
    edge = ((oracle.abs() - largest).abs() <= 2 * relative * largest) & ~got.isnan() & (got.sign() == oracle.sign())
    return wrong & ~edge


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
