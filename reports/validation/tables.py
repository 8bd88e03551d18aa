"""What every rendering of a validation shows, as text. In: a `Validation`. Out: headings and rows."""

from __future__ import annotations

from harness.validation.command import Validation
from harness.validation.comparison import Comparison

GOALS = (("eager", 0.10, 1.0), ("fused", 0.10, 1.0), ("speedup", 0.06, 0.20))  # column, median, worst
SUMMARY = ("table", "column", "cells", "median error", "worst error", "worst cell")
PARAMETERS = ("parameter", "value", "unit", "meaning", "range", "inside", "why that range")


def summary_rows(validation: Validation) -> list[tuple[str, ...]]:
    """A row a table and column; the leave-one-out errors follow the fitted ones."""
    fitted, *others = validation.tables
    rows: list[tuple[str, ...]] = []
    for comparison in (fitted, validation.left_out, *others):
        for column in comparison.columns:
            error, cell = comparison.worst(column)
            median = percent(comparison.median(column))
            rows.append((comparison.title, column, str(len(comparison.cells)), median, percent(error), cell))
    return rows


def goal_rows(validation: Validation) -> list[tuple[str, ...]]:
    """The goals of the fitted table, and whether they are met."""
    fitted = validation.tables[0]
    rows: list[tuple[str, ...]] = []
    for column, median, worst in GOALS:
        found = fitted.median(column)
        rows.append((f"median error of {column}", percent(median), percent(found), _met(found, median)))
        if worst < 1:
            error, cell = fitted.worst(column)
            beyond = sum(each > worst for each in fitted.errors(column))
            met = _met(error, worst) + (f": {beyond} of {len(fitted.cells)} cells beyond, {cell}" if beyond else "")
            rows.append((f"worst error of {column}", percent(worst), percent(error), met))
    inside = all(value.parameter.low < value.committed < value.parameter.high for value in validation.values)
    rows.append(("parameters inside their ranges", "all", "all" if inside else "not all", "yes" if inside else "no"))
    return rows


def parameter_rows(validation: Validation, *, again: bool = False) -> list[tuple[str, ...]]:
    """A row a parameter; with `again`, what a fit that was run again found stands beside the committed value."""
    rows: list[tuple[str, ...]] = []
    for value in validation.values:
        it = value.parameter
        shown = f"{value.committed:g}"
        if again and value.fitted is not None:
            shown += f" (again: {value.fitted:g})"
        inside = "yes" if it.low < value.committed < it.high else "NO"
        rows.append((it.figure, shown, it.unit, it.meaning, f"{it.low:g} to {it.high:g}", inside, it.why))
    return rows


def headings(comparison: Comparison) -> tuple[str, ...]:
    """Cell, then published, predicted and error of each column."""
    kinds = ("published", "modelled", "error")
    return ("cell", *(f"{column}{unit(column)}, {kind}" for column in comparison.columns for kind in kinds))


def cell_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """A row a cell."""
    return [
        (
            cell,
            *(
                text
                for figure in figures.values()
                for text in (f"{figure.published:.2f}", f"{figure.predicted:.2f}", f"{100 * figure.error:+.1f} %")
            ),
        )
        for cell, figures in comparison.cells.items()
    ]


def unit(column: str) -> str:
    return "" if column == "speedup" else " ms"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _met(error: float, goal: float) -> str:
    return "yes" if error <= goal else "missed"
