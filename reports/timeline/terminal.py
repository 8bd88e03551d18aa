"""A timeline's tables for a terminal, and those of counters where some were taken.

In: an `Overview`, perhaps a `Run` of counters. Out: what rich prints; long names end in an ellipsis.
"""

from __future__ import annotations

from textwrap import fill

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.counted import Run
from harness.timeline.names import one_line
from harness.timeline.overview import Overview
from reports.counters import tables as counters
from reports.timeline import tables as made

_LINE = 140
_SHORTEST_NAME = 24


def renderable(overview: Overview, counted: Run | None = None) -> RenderableType:
    """Where it comes from, every table with its notes, and the findings."""
    parts: list[RenderableType] = [_text(made.heading(overview), "bold"), ""]
    for table in [*made.tables(overview), *(counters.tables(counted) if counted else ())]:
        parts += [_text(table.title, "bold"), _table(table), *map(_text, table.notes), ""]
    if stated := made.stated_errors(overview):
        parts += [Text(fill(stated, _LINE - 2)), ""]
    parts += [_text(sentence, "yellow") for sentence in made.findings(overview)]
    return Group(*parts)


def _text(text: str, style: str = "") -> Text:
    """Names come from files: what would act on the terminal does not reach it."""
    return Text(one_line(text), style=style)


def _table(table: made.Table) -> Table:
    shown = Table()
    widths = [max(map(len, column)) for column in zip(table.headings, *table.rows, strict=True)]
    for index, (heading, width) in enumerate(zip(table.headings, widths, strict=True)):
        if index < table.left:
            shown.add_column(heading, no_wrap=True, overflow="ellipsis", max_width=_room(widths, table.left))
        else:  # a name may be cut, a number never
            shown.add_column(heading, justify="right", no_wrap=True, min_width=width)
    for row in table.rows:
        shown.add_row(*map(_text, row))
    return shown


def _room(widths: list[int], left: int) -> int:
    """What a line leaves for each name beside the figures and their borders."""
    return max((_LINE - 1 - sum(width + 3 for width in widths[left:])) // left - 3, _SHORTEST_NAME)
