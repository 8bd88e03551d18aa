"""Launches of each case: naive, fused, what its suite allows, and what the original systems make.

In: a `Run`. Out: a `Table`, and the same figures as a data frame.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from harness.originals.launches import OriginalLaunches, originals_of
from harness.results.counts import SOURCE
from harness.results.record import CaseResult, Run
from reports.grid import Table
from reports.stored.words import shared, where
from reports.table import NOTHING

NONE = "No launches: this run holds no profiles of cases that are equal; fuseproof run takes them, check does not."
_RULES = (
    "Naive launches are those that PyTorch's CUDA backend would make, by rule (docs/torch-launches.md); fused ones are "
    "those that reached the driver, and GEMMs by rule."
)
_COLUMNS = ("suite", "case", "dtype", "reference_launches", "fused_launches", "launch_budget")


def table(run: Run) -> Table | None:
    """A row a case that was profiled; None without any. Systems that nobody counted have no column."""
    results = _profiled(run)
    if not results:
        return None
    systems = _systems(results)
    return Table(
        f"Launches on {where(run, results)}, {SOURCE}",
        ("case", "naive → fused", "budget", *systems),
        1,
        tuple(_row(result, systems) for result in results),
        tuple(_notes(run, results)),
    )


def frame(run: Run) -> pd.DataFrame:
    """A row a case; of each system its count and the source of that."""
    results = _profiled(run)
    systems = _systems(results)
    made = [shared(run, SOURCE) | _figures(result) | _originals(result, systems) for result in results]
    return pd.DataFrame(made) if made else pd.DataFrame(columns=[*shared(run, SOURCE), *_COLUMNS])


def _profiled(run: Run) -> list[CaseResult]:
    return [result for result in run.results if result.fused and result.reference]


def _systems(results: Iterable[CaseResult]) -> list[str]:
    """In the order of the table of originals."""
    return list(dict.fromkeys(each.system for result in results for each in originals_of(result.suite)))


def _row(result: CaseResult, systems: Iterable[str]) -> tuple[str, ...]:
    assert result.reference
    assert result.fused
    known = {each.system: each for each in originals_of(result.suite)}
    return (
        result.id,
        f"{result.reference.launches:,} → {result.fused.launches:,}",
        NOTHING if result.launch_budget is None else f"{result.launch_budget:,}",
        *(_count(known[system], result) if system in known else NOTHING for system in systems),
    )


def _count(original: OriginalLaunches, result: CaseResult) -> str:
    return f"{'about ' if original.about else ''}{original.count(result.axes):,}"


def _figures(result: CaseResult) -> dict[str, object]:
    assert result.reference
    assert result.fused
    figures = (result.suite, result.case, result.dtype, result.reference.launches, result.fused.launches)
    return dict(zip(_COLUMNS, (*figures, result.launch_budget), strict=True))


def _originals(result: CaseResult, systems: Iterable[str]) -> dict[str, object]:
    known = {each.system: each for each in originals_of(result.suite)}
    made: dict[str, object] = {}
    for system in systems:
        each = known.get(system)
        made[system] = each.count(result.axes) if each else None
        made[f"{system}_source"] = f"{each.what}: {each.source}" if each else None
    return made


def _notes(run: Run, results: list[CaseResult]) -> Iterable[str]:
    if run.source == "modelled":
        yield _RULES
    if beyond := [each.id for each in results if each.fused and each.launch_budget not in (None, each.fused.launches)]:
        yield f"not what the suite asserts: {', '.join(beyond)}"
    if without := sum(result.launch_budget is None for result in results):
        yield f"no budget: {without} of {len(results)} cases, whose suites assert none or whose run is an older one"
    originals = dict.fromkeys(each for result in results for each in originals_of(result.suite))
    yield from (f"{each.system}: {each.what} ({each.source})" for each in originals)
