"""A timeline's tables for a terminal, and those of counters where some were taken.

In: an `Overview`, perhaps a `Run` of counters. Out: what rich prints; long names end in an ellipsis.
"""

from __future__ import annotations

from textwrap import fill

from rich.console import Group, RenderableType
from rich.text import Text

from harness.counted import Run
from harness.timeline.overview import Overview
from reports.boxed import boxed, words
from reports.counters import tables as counters
from reports.timeline import tables as made

_WIDTH = 138  # of lines of text


def renderable(overview: Overview, counted: Run | None = None) -> RenderableType:
    """Where it comes from, every table with its notes, and the findings."""
    parts: list[RenderableType] = [words(made.heading(overview), "bold"), ""]
    for table in [*made.tables(overview), *(counters.tables(counted) if counted else ())]:
        parts += boxed(table)
    if stated := made.stated_errors(overview):
        parts += [Text(fill(stated, _WIDTH)), ""]
    parts += [words(sentence, "yellow") for sentence in made.findings(overview)]
    return Group(*parts)
