"""Verdicts on one output, as the comparisons make them.

In: tensors, and where they differ. Out: a `Verdict`, or the `Mismatch` in it.
"""

from __future__ import annotations

import torch

from harness.results.record import Mismatch, Verdict

UNKNOWN = float("nan")


def failure(reason: str, first: Mismatch | None = None, mismatches: int = 0) -> Verdict:
    """A verdict from something else than a distance: the figures are unknown."""
    return Verdict(False, reason, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, mismatches, first)


def nothing_compared(note: str) -> Verdict:
    """A verdict that passes without figures, and says why."""
    return Verdict(True, "", 0.0, 0.0, 0.0, 0.0, 0.0, 0, None, used=0.0, notes=(note,))


def mismatch(name: str, flat: int, got: torch.Tensor, naive: torch.Tensor, oracle: torch.Tensor) -> Mismatch:
    """What stands at the element of that number, counted row by row."""
    index = []
    rest = flat
    for size in reversed(got.shape):
        rest, position = divmod(rest, size)
        index.append(position)
    at = tuple(reversed(index))
    return Mismatch(name, at, float(naive[at]), float(got[at]), float(oracle[at]))


def first_true(wrong: torch.Tensor) -> int:
    """The number of the first element, row by row, that is true."""
    return int(wrong.reshape(-1).to(torch.uint8).argmax())
