"""The rules by which outputs that are no floating numbers are compared; a suite names one for an output, or takes the
default of its dtype.

In: `@suite(rules={"output[1]": Ties(lambda x, k: x)})`. Out: what `harness.equality.integers` applies. The rule for
floating outputs is the policy's, and has no exception but a `Tolerance`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Exact:
    """Every element equals the reference's: the default for integers and booleans."""


@dataclass(frozen=True, slots=True)
class OneStep:
    """Rounded to whole steps: neighbours where the exact value lies halfway between. The default for int8.

    Elements one step from the oracle's are allowed as often as rounding explains (docs/equality.md), others never.
    """


@dataclass(frozen=True, slots=True)
class Ties:
    """Indices of the largest or smallest of candidates, as top-k returns them: those of equal candidates may change
    places. `candidates` gives, from the function's inputs, what was chosen from along the last dimension.
    """

    candidates: Callable[..., torch.Tensor]


Rule: TypeAlias = Exact | OneStep | Ties


def default_rule(dtype: Any) -> Rule:
    """Of an output that the suite names no rule for."""
    return OneStep() if str(dtype) == "torch.int8" else Exact()


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the reference makes of choices that are given (`harness.equality.replay`).

    `outputs`: what they should be. `chosen` and `best`: scores of the choices, and of the best that could have been
    made at their times, given those before.
    """

    outputs: Any
    chosen: torch.Tensor
    best: torch.Tensor


Replay: TypeAlias = Callable[..., Replayed]
