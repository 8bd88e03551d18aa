"""How often to repeat a measurement: until the median is known well enough, within limits.

In: a function that measures once. Out: all its samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from statistics import median

LEAST, MOST = 10, 200
TOLERANCE = 0.005  # relative standard error of the median
_SIGMA_PER_MAD = 1.4826  # of a normal distribution
_MEDIAN_ERROR = 1.2533  # standard error of the median over that of the mean, normal distribution


def median_error(samples: Sequence[float]) -> float:
    """Relative standard error of the median, from the median absolute deviation: outliers do not inflate it."""
    middle = median(samples)
    if middle == 0:
        return 0.0
    deviation = median(abs(sample - middle) for sample in samples)
    return _MEDIAN_ERROR * _SIGMA_PER_MAD * deviation / sqrt(len(samples)) / abs(middle)


def repeat(measure: Callable[[], float], *, least: int = LEAST, most: int = MOST) -> list[float]:
    """Samples until the median's error is below the tolerance."""
    samples: list[float] = []
    while len(samples) < most:
        samples.append(measure())
        if len(samples) >= least and median_error(samples) <= TOLERANCE:
            break
    return samples
