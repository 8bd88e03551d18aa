"""Compares functions that choose, tokens of a search for instance: each side is held against its own choices.

Between two candidates whose scores are closer than rounding either choice is right, and all that follows differs. So a
suite says what the reference makes, in FP64, of choices that are given: `replay(outputs, slack, *inputs)`. In: the
outputs of both sides. Out: a `Verdict`, by three rules.

1. Given its choices, the fused function's outputs are right: whole numbers exactly, floating ones by the policy, where
   the naive errors are those of the naive outputs against a replay of the naive choices.
2. Each choice was as good as the best one, up to twice what a score may be off: either of the two may be.
3. Nothing is chosen that was not there to choose: a replay gives it a score of -inf.

Where both sides chose otherwise and either is right, a note of the verdict says from where on, and how close it was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from harness.dtypes import scalar_of
from harness.equality import measure, policy
from harness.equality.compare import Neighbours, compare, failure
from harness.equality.rules import Replay, Replayed
from harness.equality.tensors import map_tensors, outputs_of, to_double
from harness.equality.terms import Terms
from harness.errors import FuseproofError
from harness.results.record import Verdict


def compare_replayed(
    fused: Any, naive: Any, replay: Replay, terms: Terms, near: Sequence[tuple[tuple[Any, ...], Any]] = ()
) -> Verdict:
    """The verdict over all outputs, and over the choices in them. `near`: inputs that rounding has moved, with what the
    reference gives for them: of few elements one draw of naive errors says little."""
    if difference := _unlike(fused, naive):
        return failure(difference)
    arguments = to_double(map_tensors(torch.clone, terms.arguments))
    try:
        reference = replay(naive, 0.0, *arguments)
        pairs = [(made, replay(made, 0.0, *to_double(inputs)).outputs) for inputs, made in near]
        slack = max(_slack(*pair, terms) for pair in ((naive, reference.outputs), *pairs))
        right = replay(fused, slack, *arguments)
    except (IndexError, RuntimeError) as error:
        return failure(f"the choices of the fused function cannot be followed: {error}")
    as_wrong = [
        _moved(expected, got, exact)
        for (_, expected), (_, got), (_, exact) in zip(
            outputs_of(right.outputs, "the replay"),
            outputs_of(naive, "the reference"),
            outputs_of(reference.outputs, "the replay"),
            strict=True,
        )
    ]
    outputs = [tensor for _, tensor in outputs_of(fused, "the fused function")]
    exact = [tensor for _, tensor in outputs_of(right.outputs, "the replay")]
    neighbours = Neighbours(tuple(exact), pairs) if pairs else None
    verdict = compare(tuple(outputs), tuple(as_wrong), tuple(exact), replace(terms, rules={}), neighbours)
    if not verdict.passed:
        return verdict
    short = _shortfall(right)
    if (worse := short > 2 * slack).any():
        largest = short.max().item()
        reason = f"{int(worse.sum())} of {short.numel()} choices are worse than the best, by up to {largest:.4g}"
        return replace(verdict, passed=False, reason=f"{reason}, allowed {2 * slack:.4g}", used=largest / (2 * slack))
    if parted := _parted(fused, naive):
        worst, own = short.max().item(), _shortfall(reference).max().item()
        closeness = f"by up to {worst:.2g}, the reference's own by {own:.2g}; {2 * slack:.2g} may be rounding"
        tie = f"a tie: {parted}; choices fall short of the best ones {closeness}"
        verdict = replace(verdict, notes=(*verdict.notes, tie))
    return verdict


def _parted(fused: Any, naive: Any) -> str:
    """Of the first output of whole numbers that differs from the reference's: in how many, and from where on."""
    pairs = zip(outputs_of(fused, "the fused function"), outputs_of(naive, "the reference"), strict=True)
    for (name, got), (_, expected) in pairs:
        if scalar_of(got.dtype) is None and (differ := got != expected).any():
            place = ", ".join(str(index) for index in differ.nonzero()[0].tolist())
            return f"{name} differs in {int(differ.sum())} of {differ.numel()} numbers, from [{place}] on"
    return ""


def _unlike(fused: Any, naive: Any) -> str:
    got, expected = outputs_of(fused, "the fused function"), outputs_of(naive, "the reference")
    if len(got) != len(expected):
        return f"the reference returns {len(expected)} tensors, the fused function {len(got)}"
    for (name, one), (_, other) in zip(got, expected, strict=True):
        if one.shape != other.shape or one.dtype != other.dtype:
            return f"{name} is {one.dtype} {list(one.shape)}, the reference's {other.dtype} {list(other.shape)}"
    return ""


def _slack(naive: Any, right: Any, terms: Terms) -> float:
    """How far off a score of the fused function may be."""
    limits = []
    for (_, got), (_, exact) in zip(outputs_of(naive, "the reference"), outputs_of(right, "the replay"), strict=True):
        if scalar := scalar_of(got.dtype):
            floor = policy.floors(scalar, terms.reduction, measure.magnitude(exact))
            errors = measure.errors(measure.differences(got, exact), exact, scalar.tiny)
            limits.append(policy.allowed(terms.factor, errors, floor).largest)
    if not limits:
        raise FuseproofError("a function that is replayed must return its scores: nothing else tells their rounding")
    return max(limits)


def _moved(expected: torch.Tensor, naive: torch.Tensor, exact: torch.Tensor) -> torch.Tensor:
    """What the reference would give for the fused function's choices: as far off as it is for its own."""
    if scalar_of(naive.dtype) is None:
        return expected.to(naive.dtype)
    off = (naive.double() - exact).nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)
    return (expected + off).to(naive.dtype)


def _shortfall(replayed: Replayed) -> torch.Tensor:
    """By how much each choice is worse than the best; a NaN is as good as another, and as bad as can be else."""
    short = replayed.best - replayed.chosen
    same = (replayed.best == replayed.chosen) | (replayed.best.isnan() & replayed.chosen.isnan())
    return short.masked_fill(same, 0.0).nan_to_num(nan=math.inf, posinf=math.inf)
