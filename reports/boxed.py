"""A table on the terminal. In: a `Table`. Out: what rich prints: its title, the table, its notes."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table as Box
from rich.text import Text

from harness.timeline.names import one_line
from reports.grid import Table

_LINE = 140
_SHORTEST_NAME = 24


def boxed(table: Table, *, whole_names: bool = False) -> list[RenderableType]:
    """An empty line comes last. Long names end in an ellipsis, or, where they are to be whole, go on below."""
    box = _folding(table) if whole_names else _cutting(table)
    for row in table.rows:
        box.add_row(*map(words, row))
    return [words(table.title, "bold"), box, *map(words, table.notes), ""]


def words(text: str, style: str = "") -> Text:
    """Names come from files: what would act on the terminal does not reach it."""
    return Text(one_line(text), style=style)


def _cutting(table: Table) -> Box:
    box, widths = Box(), _widths(table, table.headings)
    for index, (heading, width) in enumerate(zip(table.headings, widths, strict=True)):
        if index < table.left:
            box.add_column(heading, no_wrap=True, overflow="ellipsis", max_width=_room(widths, table.left))
        else:  # a name may be cut, a number never
            box.add_column(heading, justify="right", no_wrap=True, min_width=width)
    return box


def _folding(table: Table) -> Box:
    """Where not everything fits, headings of figures break between words, for names need the room."""
    box, widths = Box(), _widths(table, table.headings)
    if sum(width + 3 for width in widths) >= _LINE:
        widths = _widths(table, [max(heading.split(), key=len, default="") for heading in table.headings])
    for index, (heading, width) in enumerate(zip(table.headings, widths, strict=True)):
        if index < table.left:
            box.add_column(heading, overflow="fold")
        else:
            box.add_column(heading, justify="right", width=width)
    return box


def _widths(table: Table, headings: tuple[str, ...] | list[str]) -> list[int]:
    return [max(map(len, column)) for column in zip(headings, *table.rows, strict=True)]


def _room(widths: list[int], left: int) -> int:
    """What a line leaves for each name beside the figures and their borders."""
    return max((_LINE - 1 - sum(width + 3 for width in widths[left:])) // left - 3, _SHORTEST_NAME)
