"""Compares the outputs of a fused function with the oracle's and the naive reference's.

In: the three sets of outputs and the policy's parameters. Out: one `Verdict`; of several outputs the worst one's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
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

__all__ = ["NO_TEST", "Neighbours", "Terms", "compare", "failure"]

NO_TEST = "the inputs, or the reference in this dtype, are no test"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What the references give for inputs that rounding has moved.

    `shaken`: the oracle's outputs; their distance from the oracle's is what these inputs make of any rounding, and is
    allowed on top. `pairs`: naive outputs, each with the oracle's of the same moved inputs; the largest error counts
    as the naive one's, which by itself is a single draw where an output has few elements.
    """

    shaken: Any
    pairs: Sequence[tuple[Any, Any]] = ()

    def of_output(self, position: int) -> Neighbours:
        """The same of one output alone."""

        def pick(outputs: Any) -> torch.Tensor:
            return outputs_of(outputs, "the reference")[position][1]

        return Neighbours(pick(self.shaken), [(pick(naive), pick(oracle)) for naive, oracle in self.pairs])


def compare(fused: Any, naive: Any, oracle: Any, terms: Terms, neighbours: Neighbours | None = None) -> Verdict:
    """The verdict over all outputs; with `neighbours`, errors that they explain are allowed as well."""
    expected = outputs_of(naive, "the reference")
    got = outputs_of(fused, "the fused function")
    exact = outputs_of(oracle, "the reference in FP64")
    moved = [neighbours and neighbours.of_output(position) for position in range(len(exact))]
    if [name for name, _ in got] != [name for name, _ in expected]:
        return failure(f"the reference returns {len(expected)} tensors, the fused function {len(got)}")
    verdicts = [
        _compare_output(name, output, reference, oracle.to(output.device), terms, near)
        for (name, output), (_, reference), (_, oracle), near in zip(got, expected, exact, moved, strict=True)
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
    neighbours: Neighbours | None,
) -> Verdict:
    if got.shape != naive.shape:
        return failure(f"{name} has shape {list(got.shape)}, the reference's {list(naive.shape)}")
    if got.dtype != naive.dtype:
        return failure(f"{name} is {got.dtype}, the reference's {naive.dtype}")
    scalar = scalar_of(got.dtype)
    if scalar is None:
        return compare_integers(name, got, naive, oracle, terms.rules.get(name, default_rule(got.dtype)), terms)
    return _compare_floating(name, got, naive, oracle.double(), scalar, terms, neighbours)


def _compare_floating(
    name: str,
    got: torch.Tensor,
    naive: torch.Tensor,
    oracle: torch.Tensor,
    scalar: Scalar,
    terms: Terms,
    neighbours: Neighbours | None,
) -> Verdict:
    found = measure.differences(got, oracle)
    size = measure.magnitude(oracle)
    floor = policy.floors(scalar, terms.reduction, size)
    reached = _errors(naive, oracle, scalar)
    if neighbours:
        reached = policy.worst(reached, *(_errors(*pair, scalar) for pair in neighbours.pairs))
        moved = _errors(neighbours.shaken.to(got.device), oracle, scalar)
        floor = policy.allowed(terms.factor, moved, floor)
    limit = policy.allowed(terms.factor, reached, floor)
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
        return f"a zero output would pass: {NO_TEST}"
    mean = kept.sum().item() / size.count
    spread = math.sqrt(max(0.0, size.norm**2 - size.count * mean**2))
    # The subtraction cancels: what is left of it below the roundoff of FP64 says nothing.
    if 1e-7 * size.norm + floor < spread <= allowed:
        return f"a constant output would pass: {NO_TEST}"
    for tensor in inputs:
        if tensor.shape == got.shape and tensor.dtype == got.dtype:
            distance = torch.linalg.vector_norm(measure.differences(tensor, oracle)).item()
            if floor < distance <= allowed:
                return f"a copy of an input would pass: {NO_TEST}"
    return ""
