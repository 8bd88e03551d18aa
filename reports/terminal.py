"""Speedup tables for a terminal: one a suite.

In: a `Run`. Out: rich tables; "reference → fused" in one cell, so that a table fits a line of 120 characters.
"""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from harness.results.record import Run
from reports import table as rows

_LEFT = ("case", "dtype", "equal")
_COLOURS = {"NO": "bold red", "yes": "green"}


def tables(run: Run) -> list[Table]:
    """One table a suite."""
    return [_table(run, suite, results) for suite, results in rows.suites(run)]


def _table(run: Run, suite: str, results: list[rows.CaseResult]) -> Table:
    made = Table(title=rows.title(run, suite), caption=rows.footer(results), title_justify="left",
                 caption_justify="left", title_style="bold")  # fmt: skip
    columns = rows.columns(results)
    for column in columns:
        made.add_column(column.heading, justify="left" if column.heading in _LEFT else "right", no_wrap=True)
    for result in results:
        cells = [column.cell(result) for column in columns]
        made.add_row(*[Text(cell, style=_COLOURS.get(cell, "")) for cell in cells])
    return made
