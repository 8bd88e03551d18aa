"""An original's table on the terminal. In: a `Finished`. Out: what rich prints."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.originals.cells import Finished
from reports.originals import tables


def renderable(finished: Finished) -> RenderableType:
    """The heading, the table, what must be known of it."""
    made = Table()
    for index, name in enumerate(tables.headings(finished)):
        made.add_column(name, justify="left" if index == 0 else "right", no_wrap=index < 2)
    for row in tables.rows(finished):
        made.add_row(*row)
    lines = [Text(line) for line in tables.below(finished)]
    return Group(Text(tables.heading(finished), style="bold"), made, *lines)
