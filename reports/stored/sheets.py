"""The three kinds of tables that `fuseproof report` makes of a run, each with the same figures as data.

In: a `Run`. Out: `Sheet`s, of text for people and a data frame for machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from harness.results.record import CaseResult, Run
from reports import csv, variants
from reports import table as rows
from reports.grid import Table
from reports.stored import kernels, launches


@dataclass(frozen=True, slots=True)
class Sheet:
    """Files are called `name`, and a table by its key. Where there is no table, `notes` say why and the way out."""

    name: str
    frame: pd.DataFrame
    tables: Mapping[str, Table] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def sheets(run: Run) -> list[Sheet]:
    """All of them, in the order in which they are read."""
    return [_speedups(run), _launches(run), _kernels(run)]


def _speedups(run: Run) -> Sheet:
    tables: dict[str, Table] = {}
    for results in rows.suites(run):
        tables[f"speedups-{results[0].suite}"] = _speedup_table(run, results)
        if found := variants.rows(results):
            tables[f"variants-{results[0].suite}"] = _variant_table(run, results, found)
    stated = rows.stated_errors(run)
    return Sheet("speedups", csv.frame(run), tables, (f"{stated}.",) if stated else ())


def _speedup_table(run: Run, results: list[CaseResult]) -> Table:
    columns = rows.columns(results)
    left = sum(column.heading in ("case", "dtype", "equal") for column in columns)
    cells = tuple(tuple(column.cell(result) for column in columns) for result in results)
    failed = (result for result in results if not result.verdict.passed)
    reasons = (f"{result.id} failed: {result.verdict.reason.partition(chr(10))[0]}" for result in failed)
    notes = (f"{rows.footer(results)}.", *rows.exceptions(results), *reasons)
    return Table(rows.title(run, results), tuple(column.heading for column in columns), left, cells, notes)


def _variant_table(run: Run, results: list[CaseResult], found: list[variants.Row]) -> Table:
    columns = variants.COLUMNS
    return Table(
        f"Every way of running {rows.title(run, results)}",
        tuple(column.heading for column in columns),
        sum(column.left for column in columns),
        tuple(tuple(column.cell(row) for column in columns) for row in found),
        tuple(variants.failures(found)),
    )


def _launches(run: Run) -> Sheet:
    made, frame = launches.table(run), launches.frame(run)
    return Sheet("launches", frame, {"launches": made}) if made else Sheet("launches", frame, notes=(launches.NONE,))


def _kernels(run: Run) -> Sheet:
    made, frame = kernels.table(run), kernels.frame(run)
    return Sheet("kernels", frame, {"kernels": made}) if made else Sheet("kernels", frame, notes=(kernels.none(run),))
