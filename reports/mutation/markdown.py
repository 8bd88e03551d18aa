"""A mutation campaign in Markdown. In: a `Campaign`. Out: a file with the scores and the survivors' diffs."""

from __future__ import annotations

from pathlib import Path

from harness.mutation.campaign import Campaign
from reports.grid import grid
from reports.mutation.tables import HEADINGS, heading, rows


def write(campaign: Campaign, folder: Path) -> Path:
    """mutation.md in that folder."""
    path = folder / "mutation.md"
    path.write_text(render(campaign))
    return path


def render(campaign: Campaign) -> str:
    """Scores by file, what noticed the dead, survivors."""
    parts = [f"# {heading(campaign)}\n", grid(HEADINGS, rows(campaign))]
    if campaign.guards:
        parts.append(grid(("noticed by", "mutants"), ((guard, str(count)) for guard, count in campaign.guards)))
    parts += ["## Survivors", "" if campaign.survivors else "\nNone."]
    for mutant, outcome in campaign.survivors:
        parts += [f"`{mutant.id}`, after {outcome.cases_run} cases: {mutant.file}:{mutant.line}\n"]
        parts += [f"```diff\n{mutant.diff.rstrip()}\n```\n"]
    if not (explained := campaign.explained_survivors):
        return "\n".join(parts) + "\n"
    cells = ((f"`{mutant.id}`", str(mutant.line), reason) for mutant, reason in explained)
    table = grid(("mutant", "line", "why it computes the same"), cells, left=(0, 2))
    return "\n".join([*parts, "## Explained", "", table])
