"""Times of runs that alternate, and what can be said of their ratios.

The engines take turns, run by run, so that a disturbance meets all of them alike; a ratio is taken of runs that
stand beside each other, and the median of those ratios is the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import exp, log
from statistics import median
from time import perf_counter
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    low: float
    middle: float
    high: float

    @staticmethod
    def of(values: Iterable[float]) -> Spread:
        found = sorted(values)
        return Spread(found[0], median(found), found[-1])


def alternate(runs: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each run in each round, after one round that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            start = perf_counter()
            run()
            taken = perf_counter() - start
            if number:
                times[name].append(taken)
    return times


def ratio(above: list[float], below: list[float]) -> Spread:
    """Pair by pair."""
    return Spread.of(a / b for a, b in zip(above, below, strict=True))


def geometric_mean(values: Iterable[float]) -> float:
    logarithms = [log(value) for value in values]
    return exp(sum(logarithms) / len(logarithms))
