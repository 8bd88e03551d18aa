"""Compares outputs that are whole numbers or booleans.

In: an output, the naive reference's and the oracle's, and the rule. Out: a `Verdict`.
"""

from __future__ import annotations

import math

import torch

from harness.dtypes import Scalar, scalar_named
from harness.equality import measure, policy
from harness.equality.rules import Exact, OneStep, Rule, Ties
from harness.equality.tensors import map_tensors, to_double
from harness.equality.terms import Terms
from harness.equality.verdicts import UNKNOWN, failure, first_true, mismatch
from harness.results.record import Verdict


def compare_integers(
    name: str, got: torch.Tensor, naive: torch.Tensor, oracle: torch.Tensor, rule: Rule, terms: Terms
) -> Verdict:
    """By the rule of this output."""
    if isinstance(rule, Ties):
        return _ties(name, got, naive, oracle, rule, terms)
    if isinstance(rule, OneStep):
        return _one_step(name, got, naive, oracle, terms)
    assert isinstance(rule, Exact)
    return _exactly(name, got, naive, oracle)


def _exactly(name: str, got: torch.Tensor, naive: torch.Tensor, oracle: torch.Tensor) -> Verdict:
    wrong = got != naive
    if not wrong.any():
        return _equal()
    return _unequal(name, f"{name} differs in {int(wrong.sum())} of {got.numel()} elements", wrong, got, naive, oracle)


def _one_step(name: str, got: torch.Tensor, naive: torch.Tensor, oracle: torch.Tensor, terms: Terms) -> Verdict:
    """No element more than one step from the oracle, and not more of one step than rounding explains."""
    steps = (got.long() - oracle.long()).abs()
    if (far := steps > 1).any():
        reason = f"{name} is more than one step off in {int(far.sum())} of {got.numel()} elements"
        return _unequal(name, reason, far, got, naive, oracle)
    count, limit = int(steps.sum()), allowed_steps(terms, oracle, int((naive.long() - oracle.long()).abs().sum()))
    if count > limit:
        reason = f"{name} is one step off in {count} of {got.numel()} elements, allowed {limit:.4g}"
        return _unequal(name, reason, steps > 0, got, naive, oracle)
    return Verdict(True, "", float(count > 0), 0.0, 0.0, float(count), limit, 0, None, used=count / limit)


def allowed_steps(terms: Terms, oracle: torch.Tensor, naive_steps: int) -> float:
    """How many elements may be one step from the oracle's.

    A value of q steps with a relative error e is off by q * e steps, so a share 2 * q * e of such values crosses a
    point halfway between two steps, if these fall anywhere. Three standard deviations more, and one: a count varies.
    """
    scalar = terms.scalar or scalar_named("fp32")
    expected = 2 * policy.relative_floor(scalar, terms.reduction) * oracle.double().abs().sum().item()
    return terms.factor * naive_steps + expected + 3 * math.sqrt(expected) + 1


def _ties(name: str, got: torch.Tensor, naive: torch.Tensor, oracle: torch.Tensor, rule: Ties, terms: Terms) -> Verdict:
    """Each row holds different indices of candidates, and at each rank one as large as the oracle's."""
    with torch.no_grad():
        exact = rule.candidates(*to_double(terms.arguments)).double()
        rounded = rule.candidates(*map_tensors(torch.clone, terms.arguments))
    outside = (got < 0) | (got >= exact.shape[-1])
    if outside.any():
        reason = f"{name} holds indices outside of 0 to {exact.shape[-1] - 1}"
        return _unequal(name, reason, outside, got, naive, oracle)
    ordered = got.sort(dim=-1).values
    if (ordered[..., 1:] == ordered[..., :-1]).any():
        return failure(f"{name} holds an index twice in one row")
    chosen, right = (exact.gather(-1, indices.long()) for indices in (got, oracle))
    scalar: Scalar = terms.scalar or scalar_named("fp32")
    floor = policy.floors(scalar, terms.reduction, measure.magnitude(exact)).largest
    limit = terms.factor * measure.differences(rounded, exact).max().item() + floor
    distance = measure.differences(chosen, right)
    if (wrong := distance > limit).any():
        reason = f"{name} names other candidates, not tied, in {int(wrong.sum())} of {got.numel()} elements"
        return _unequal(name, reason, wrong, got, naive, oracle)
    return _equal()


def _equal() -> Verdict:
    return Verdict(True, "", 0.0, 0.0, 0.0, 0.0, 0.0, 0, None, used=0.0)


def _unequal(
    name: str, reason: str, wrong: torch.Tensor, got: torch.Tensor, naive: torch.Tensor, oracle: torch.Tensor
) -> Verdict:
    error = (got.double() - naive.double()).abs().max().item()
    first = mismatch(name, first_true(wrong), got, naive, oracle)
    return Verdict(False, reason, error, UNKNOWN, UNKNOWN, error, 0.0, int(wrong.sum()), first, used=math.inf)
