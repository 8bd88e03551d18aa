"""A mutation campaign on the terminal. In: a `Campaign`. Out: what rich prints."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from harness.mutation.campaign import Campaign
from reports.mutation.tables import HEADINGS, heading, rows


def renderable(campaign: Campaign) -> RenderableType:
    """The table, what noticed the dead, and each survivor with its diff."""
    table = Table(title=heading(campaign))
    for index, name in enumerate(HEADINGS):
        table.add_column(name, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows(campaign):
        table.add_row(*row)
    parts: list[RenderableType] = [table]
    if campaign.guards:
        parts.append(Text("Noticed by: " + ", ".join(f"{guard} {count}" for guard, count in campaign.guards)))
    for mutant, outcome in campaign.survivors:
        parts += [Text(f"\nSurvived {outcome.cases_run} cases: {mutant.id}\n{mutant}"), Syntax(mutant.diff, "diff")]
    return Group(*parts)
