"""How far a fused output may be from the oracle. Only numbers here; `harness.equality.compare` takes them from tensors.

The oracle is the reference in FP64, the naive result is the reference in the case's dtype, both on the same inputs:

    err(fused) <= factor * err(naive) + floor                  factor is 2 unless the suite states another, with reason

for the largest error of any element, for the norm of all errors, and for the worst row's error relative to that row.
The last is the check of direction: a relative error d bounds the angle between the two rows by sin(angle) <= d, and
their lengths too, so that rows of small numbers cannot hide behind rows of large ones.

The floor is what a correct kernel may lose where the naive one happened to lose nothing, relative to the output:

    floor = u + sqrt(n) * a

u, the unit roundoff of the dtype (2^-11 for FP16): the output is rounded once. a, the unit roundoff of the accumulator
(FP32 for all but FP64): a sum of n terms in any order has an error of the order sqrt(n) * a, since roundings of either
sign cancel (Higham and Mary, A New Approach to Probabilistic Rounding Error Analysis, SIAM J. Sci. Comput. 41, 2019);
the worst case would be n * a. Half a step of the subnormals is added as an absolute floor: below the smallest normal
number rounding is not relative.

Where that is exceeded, the inputs may be ill-conditioned (a LayerNorm of nearly equal numbers): any rounding is then
multiplied, and the naive result had luck. The reference is evaluated in FP64 once more with every input moved by
`shake` = sqrt(n) * a, up or down, as backward error analysis takes a computed result for the exact one of moved inputs
(Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 1.5); the distance is allowed on top, by the
same factor. Well-conditioned cases gain nothing by it.

Of an output with few elements the naive error is a draw or two, and a naive result that happens to be exact would allow
nothing but the floor, which knows of no cancellation inside a function (1 + tanh far below 0). There, and only where
the rule fails, the naive error is taken at `NEIGHBOURS` more inputs as well, drawn within a share `NEAR` of the given
ones, and the worst counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.dtypes import Scalar, scalar_named

FEW = 256  # elements; of more, the largest naive error is the largest of many draws already
NEIGHBOURS = 8
NEAR = 1 / 64  # near enough for the same conditioning, far enough for other roundings


@dataclass(frozen=True, slots=True)
class Errors:
    """How far one output is from the oracle: three measures of the same differences."""

    largest: float  # of any element, absolute
    norm: float  # Euclidean, of all elements
    worst_row: float  # of any row, Euclidean, relative to the oracle's row


@dataclass(frozen=True, slots=True)
class Magnitude:
    """How large the oracle's output is, and of how many finite elements."""

    largest: float
    norm: float
    count: int


def relative_floor(scalar: Scalar, reduction: int) -> float:
    """u + sqrt(n) * a."""
    accumulator = scalar_named("fp64" if scalar.name == "fp64" else "fp32")
    return scalar.roundoff + math.sqrt(reduction) * accumulator.roundoff


def shake(reduction: int) -> float:
    """sqrt(n) * a for FP32: the relative change of inputs that stands for a correct kernel's rounding."""
    return math.sqrt(reduction) * scalar_named("fp32").roundoff


def floors(scalar: Scalar, reduction: int, oracle: Magnitude) -> Errors:
    """The floor of each measure."""
    relative, absolute = relative_floor(scalar, reduction), scalar.tiny / 2
    return Errors(
        largest=relative * oracle.largest + absolute,
        norm=relative * oracle.norm + absolute * math.sqrt(oracle.count),
        worst_row=relative,
    )


def allowed(factor: float, naive: Errors, floor: Errors) -> Errors:
    """What the fused output may reach in each measure."""
    return Errors(
        largest=factor * naive.largest + floor.largest,
        norm=factor * naive.norm + floor.norm,
        worst_row=factor * naive.worst_row + floor.worst_row,
    )


def worst(*errors: Errors) -> Errors:
    """The largest of each measure."""
    return Errors(
        largest=max(each.largest for each in errors),
        norm=max(each.norm for each in errors),
        worst_row=max(each.worst_row for each in errors),
    )


def excess(found: Errors, limit: Errors) -> str:
    """The first measure that is exceeded, in words; "" when all hold. A NaN exceeds."""
    if not found.largest <= limit.largest:
        return f"the largest error is {found.largest:.4g}, allowed {limit.largest:.4g}"
    if not found.norm <= limit.norm:
        return f"the norm of the errors is {found.norm:.4g}, allowed {limit.norm:.4g}"
    if not found.worst_row <= limit.worst_row:
        return f"a row is off by {found.worst_row:.4g} of its length, allowed {limit.worst_row:.4g}"
    return ""


def used(found: Errors, limit: Errors) -> float:
    """The share of what is allowed that the tightest of the measures takes: at most 1 where all hold."""
    pairs = ((found.largest, limit.largest), (found.norm, limit.norm), (found.worst_row, limit.worst_row))
    return max((error / bound if bound else math.inf) if error else 0.0 for error, bound in pairs)
