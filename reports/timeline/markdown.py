"""A timeline's tables in Markdown, and those of counters where some were taken.

In: an `Overview`, perhaps a `Run` of counters. Out: text.
"""

from __future__ import annotations

from harness.counted import Run
from harness.timeline.overview import Overview
from reports.counters import tables as counters
from reports.grid import grid
from reports.timeline.tables import Table, findings, heading, stated_errors, tables


def render(overview: Overview, counted: Run | None = None) -> str:
    """A heading, a table each, and what is wrong with the source."""
    parts = [f"# {_escaped(heading(overview))}\n"]
    for table in [*tables(overview), *(counters.tables(counted) if counted else ())]:
        parts += [f"## {_escaped(table.title)}\n", _table(table)]
        parts += ["".join(f"- {_escaped(note)}\n" for note in table.notes)] if table.notes else []
    if stated := stated_errors(overview):
        parts.append(f"{_escaped(stated)}.\n")
    if listed := findings(overview):
        parts += ["## Findings\n", "".join(f"- {_escaped(sentence)}\n" for sentence in listed)]
    return "\n".join(parts)


def _table(table: Table) -> str:
    return grid(table.headings, (map(_escaped, row) for row in table.rows), left=range(table.left))


def _escaped(text: str) -> str:
    """Names of kernels hold what Markdown would read: templates as tags, operators as emphasis, lambdas as tables."""
    for sign in "\\`*_<>|#[]":
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split())
