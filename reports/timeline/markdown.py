"""A timeline's tables in Markdown, and those of counters where some were taken.

In: an `Overview`, perhaps a `Run` of counters. Out: text.
"""

from __future__ import annotations

from harness.counted import Run
from harness.timeline.overview import Overview
from reports.counters import tables as counters
from reports.grid import escaped, section
from reports.timeline.tables import findings, heading, stated_errors, tables


def render(overview: Overview, counted: Run | None = None) -> str:
    """A heading, a table each, and what is wrong with the source."""
    parts = [f"# {escaped(heading(overview))}\n"]
    parts += [section(table) for table in [*tables(overview), *(counters.tables(counted) if counted else ())]]
    if stated := stated_errors(overview):
        parts.append(f"{escaped(stated)}.\n")
    if listed := findings(overview):
        parts += ["## Findings\n", "".join(f"- {escaped(sentence)}\n" for sentence in listed)]
    return "\n".join(parts)
