"""Looks for a failing case among drawn ones, of any shape, dtype, family and seed, and shrinks it.

In: suites, the open device, how many cases to draw for each. Out: one result a suite, of the smallest case that failed
or of the last one that did not.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.case import Case
from harness.device import Device
from harness.equality.strategies import smallest_failure
from harness.results.record import CaseResult
from harness.run import run_case
from harness.suite import Suite


def search(suites: Sequence[Suite], device: Device, examples: int, seed: int = 0) -> list[CaseResult]:
    """Draws depend on the seed alone."""
    return [_search(suite, device, examples, seed) for suite in suites]


def _search(suite: Suite, device: Device, examples: int, seed: int) -> CaseResult:
    last: list[CaseResult] = []

    def fails(case: Case) -> bool:
        last[:] = [run_case(suite, case, device, profiles=False)]
        return not last[0].verdict.passed

    found = smallest_failure(suite, fails, examples, seed)
    return run_case(suite, found, device, profiles=False) if found else last[0]
