"""Speedup tables for a terminal: one a suite, and below it one of all variants.

In: a `Run`. Out: what rich prints; "reference → fused" in one cell, so that a table fits a line of 130 characters.
"""

from __future__ import annotations

from textwrap import fill

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.results.record import CaseResult, Run
from reports import table as rows
from reports import variants

_WIDTH = 118  # of lines of text
_LEFT = ("case", "dtype", "equal")
_COLOURS = {"NO": "bold red", "yes": "green"}


def tables(run: Run) -> list[RenderableType]:
    """One a suite: its title, the table, a line below; the table of variants, where there are any; an empty line."""
    made: list[RenderableType] = [
        Group(
            Text(rows.title(run, results), style="bold"),
            _table(results),
            Text(rows.footer(results)),
            *(Text(line) for line in rows.exceptions(results)),
            *_variants(variants.rows(results)),
            "",
        )
        for results in rows.suites(run)
    ]
    if stated := rows.stated_errors(run):
        made.append(Group(Text(fill(stated, _WIDTH)), ""))
    return made


def _table(results: list[CaseResult]) -> Table:
    made = Table()
    columns = rows.columns(results)
    for column in columns:
        made.add_column(column.heading, justify="left" if column.heading in _LEFT else "right", no_wrap=True)
    for result in results:
        cells = [column.cell(result) for column in columns]
        made.add_row(*[Text(cell, style=_COLOURS.get(cell, "")) for cell in cells])
    return made


def _variants(found: list[variants.Row]) -> list[RenderableType]:
    if not found:
        return []
    made = Table()
    for column in variants.COLUMNS:
        made.add_column(column.heading, justify="left" if column.left else "right", no_wrap=True)
    for row, following in zip(found, [*found[1:], None], strict=True):
        made.add_row(
            *[Text(column.cell(row)) for column in variants.COLUMNS],
            end_section=following is not None and following.first,
        )
    return [made, *(Text(line) for line in variants.failures(found))]
