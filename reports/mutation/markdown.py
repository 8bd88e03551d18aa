"""A mutation campaign in Markdown. In: a `Campaign`. Out: a file with the scores and the survivors' diffs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.mutation.campaign import Campaign
from reports.mutation.tables import HEADINGS, heading, rows


def write(campaign: Campaign, folder: Path) -> Path:
    """mutation.md in that folder."""
    path = folder / "mutation.md"
    path.write_text(render(campaign))
    return path


def render(campaign: Campaign) -> str:
    """Scores by file, what noticed the dead, survivors."""
    aligned = ["---", *["---:"] * (len(HEADINGS) - 1)]
    lines = [f"# {heading(campaign)}\n", _line(HEADINGS), _line(aligned), *(_line(row) for row in rows(campaign))]
    if campaign.guards:
        lines += ["", "| noticed by | mutants |", "| --- | ---: |"]
        lines += [_line((guard, str(count))) for guard, count in campaign.guards]
    lines += ["", "## Survivors", "" if campaign.survivors else "\nNone."]
    for mutant, outcome in campaign.survivors:
        lines += [f"`{mutant.id}`, after {outcome.cases_run} cases: {mutant.file}:{mutant.line}\n"]
        lines += [f"```diff\n{mutant.diff.rstrip()}\n```\n"]
    if explained := campaign.explained_survivors:
        lines += ["## Explained", "", "| mutant | line | why it computes the same |", "| --- | ---: | --- |"]
        lines += [_line((f"`{mutant.id}`", str(mutant.line), reason)) for mutant, reason in explained]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
