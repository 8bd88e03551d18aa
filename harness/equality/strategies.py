"""Hypothesis strategies for the cases of a suite: any shape, dtype, family of inputs and seed.

In: a suite. Out: a strategy of its cases, which shrinks towards small sizes, the suite's own inputs and seed 0; and
`smallest_failure`, which looks for a case that a check refuses. Hypothesis comes with the extra `fuseproof[test]`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from harness.case import Case
from harness.equality.sizes import edge_sizes
from harness.errors import FuseproofError
from harness.suite import Suite
from harness.sweep import AxisValue

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

LONGEST = 300  # of an axis, however long the suite's own are
MOST = 1 << 16  # product of a case's sizes


def sizes(longest: int) -> SearchStrategy[int]:
    """From 1 to `longest`: any, and those at which kernels break more often than chance has them."""
    st = _hypothesis().strategies
    edges = [size for size in edge_sizes(vector=8, block=256) if size <= longest]
    return st.one_of(st.integers(1, longest), st.sampled_from(sorted(edges)))


def cases(suite: Suite) -> SearchStrategy[Case]:
    """Axes of which the suite has one value keep it; words are chosen among its own."""
    st = _hypothesis().strategies
    axes = st.fixed_dictionaries({name: _axis(st, values) for name, values in _values(suite).items()})
    small = axes.filter(lambda drawn: math.prod(size for size in drawn.values() if isinstance(size, int)) <= MOST)
    families = st.sampled_from(("", *suite.family_names()))
    seeds = st.integers(0, 999)
    return st.builds(lambda drawn, seed, family: Case(suite.name, drawn, seed, family), small, seeds, families)


def smallest_failure(suite: Suite, fails: Callable[[Case], bool], examples: int, seed: int = 0) -> Case | None:
    """The smallest case found for which `fails`, among so many drawn ones; None where none does."""
    hypothesis = _hypothesis()
    settings = hypothesis.settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    import random

    try:
        return hypothesis.find(cases(suite), fails, settings=settings, random=random.Random(seed))
    except hypothesis.errors.NoSuchExample:
        return None


def _values(suite: Suite) -> dict[str, list[AxisValue]]:
    """All values of each axis of a part of the sweep or of the edges that has the most axes."""
    listed = [dict(axes) for axes in suite.sweep + (suite.edges or suite.sweep.quick())]
    names = max(listed, key=len)
    return {name: list(dict.fromkeys(axes[name] for axes in listed if name in axes)) for name in names}


def _axis(st: Any, values: list[AxisValue]) -> Any:
    numbers = [value for value in values if isinstance(value, int)]
    if len(values) == 1 or len(numbers) < len(values):
        return st.sampled_from(values)
    return sizes(min(LONGEST, max(numbers)))


def _hypothesis() -> Any:
    try:
        import hypothesis
        import hypothesis.strategies
    except ImportError as error:
        raise FuseproofError("drawing cases needs Hypothesis: pip install 'fuseproof[test]'") from error
    return hypothesis
