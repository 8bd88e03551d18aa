"""A timeline's tables for a terminal. In: an `Overview`. Out: what rich prints; long names end in an ellipsis."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.timeline.overview import Overview
from reports.timeline import tables as made

_LINE = 140
_SHORTEST_NAME = 24


def renderable(overview: Overview) -> RenderableType:
    """Where it comes from, every table with its notes, and the findings."""
    parts: list[RenderableType] = [Text(made.heading(overview), style="bold"), ""]
    for table in made.tables(overview):
        parts += [Text(table.title, style="bold"), _table(table), *map(Text, table.notes), ""]
    parts += [Text(sentence, style="yellow") for sentence in made.findings(overview)]
    return Group(*parts)


def _table(table: made.Table) -> Table:
    shown = Table()
    widths = [max(map(len, column)) for column in zip(table.headings, *table.rows, strict=True)]
    for index, (heading, width) in enumerate(zip(table.headings, widths, strict=True)):
        if index < table.left:
            shown.add_column(heading, no_wrap=True, overflow="ellipsis", max_width=_room(widths, table.left))
        else:  # a name may be cut, a number never
            shown.add_column(heading, justify="right", no_wrap=True, min_width=width)
    for row in table.rows:
        shown.add_row(*map(Text, row))
    return shown


def _room(widths: list[int], left: int) -> int:
    """What a line leaves for each name beside the figures and their borders."""
    return max((_LINE - 1 - sum(width + 3 for width in widths[left:])) // left - 3, _SHORTEST_NAME)
