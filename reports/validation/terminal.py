"""A validation on the terminal. In: a `Validation`. Out: what rich prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table

from harness.validation.command import Validation
from reports.validation import tables


def renderable(validation: Validation) -> RenderableType:
    """Every cell of every table, the errors, the goals and the parameters."""
    cells = [
        _table(
            f"{comparison.title} ({'fitted' if comparison.fitted else 'not fitted'})",
            tables.headings(comparison),
            tables.cell_rows(comparison),
        )
        for comparison in validation.tables
    ]
    return Group(
        *cells,
        _table("Errors", tables.SUMMARY, tables.summary_rows(validation)),
        _table("Goals", ("goal", "at most", "found", "met"), tables.goal_rows(validation)),
        _table(
            "Fitted parameters",
            tables.PARAMETERS[:6],
            [row[:6] for row in tables.parameter_rows(validation, again=True)],
        ),
    )


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    made = Table(title=title)
    for index, heading in enumerate(headings):
        made.add_column(heading, justify="right" if index and title not in ("Fitted parameters", "Goals") else "left")
    for row in rows:
        made.add_row(*row)
    return made
