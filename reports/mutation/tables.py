"""What every report of a mutation campaign shows. In: a `Campaign`. Out: headings and rows of text."""

from __future__ import annotations

from harness.mutation.campaign import Campaign, FileScore
from harness.mutation.outcome import FATES

HEADINGS = ("file", "mutants", *FATES, "score")


def heading(campaign: Campaign) -> str:
    """`bias_gelu on vgpu:T4: 108 of 108 mutants, 28 cases, seed 0`"""
    drawn = f"{len(campaign.mutants)} of {campaign.possible} mutants"
    return f"{', '.join(campaign.suites)} on {campaign.device}: {drawn}, {campaign.cases} cases, seed {campaign.seed}"


def rows(campaign: Campaign) -> list[tuple[str, ...]]:
    """A row a file, and the sum where there are several."""
    files = campaign.files
    return [_row(file) for file in (files if len(files) == 1 else [*files, campaign.total])]


def percent(score: float | None) -> str:
    """Rounded down: 100 % is all of them."""
    return "-" if score is None else f"{int(score * 1000) / 10:.1f} %"


def _row(file: FileScore) -> tuple[str, ...]:
    counted = [str(file.counts.get(fate, 0)) for fate in FATES]
    return file.file, str(file.mutants), *counted, percent(file.score)
