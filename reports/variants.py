"""The rows of the table that compares every way of running a case: one a variant, below each other.

In: results of one suite. Out: rows, columns with their headings and texts, and a line for each variant that could not
run. Speedups are over the naive eager variant of the same case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.results.record import CaseResult, Profile, Side, Variant, Way
from reports.table import NOTHING, idle_percent, speedup

TITLES: dict[tuple[Side, Way], str] = {
    ("reference", "eager"): "naive eager",
    ("reference", "graph"): "naive, CUDA graph",
    ("reference", "compile"): "naive, torch.compile",
    ("fused", "eager"): "fused",
    ("fused", "graph"): "fused, CUDA graph",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One variant of one case; `first` where the case begins."""

    result: CaseResult
    variant: Variant
    first: bool

    @property
    def title(self) -> str:
        return TITLES[self.variant.side, self.variant.way]


@dataclass(frozen=True, slots=True)
class Column:
    """`left` is for words."""

    heading: str
    cell: Callable[[Row], str]
    left: bool = False


def rows(results: Iterable[CaseResult]) -> list[Row]:
    """The variants of the cases that were timed in further ways; none where none was."""
    return [
        Row(result, variant, place == 0)
        for result in results
        if result.variants
        for place, variant in enumerate(result.every_variant)
    ]


def failures(found: Iterable[Row]) -> list[str]:
    """One line for each variant without figures: which, and why."""
    return [f"{row.result.case}, {row.title}: {row.variant.reason}" for row in found if row.variant.profile is None]


def _figure(text: Callable[[Profile], str]) -> Callable[[Row], str]:
    return lambda row: text(row.variant.profile) if row.variant.profile else NOTHING


def _submissions(row: Row) -> str:
    """Here a variant that could not run says so: "not capturable"."""
    return str(row.variant.profile.submissions) if row.variant.profile else row.variant.reason.partition(":")[0]


COLUMNS = (
    Column("case", lambda row: row.result.case if row.first else "", left=True),
    Column("variant", lambda row: row.title, left=True),
    Column("launches", _figure(lambda profile: str(profile.launches))),
    Column("submissions", _submissions),
    Column("wall µs", _figure(lambda profile: f"{profile.wall_us:.1f}")),
    Column("wall", lambda row: speedup(row.result.speedup(row.variant.profile, "wall_us"))),
    Column("busy µs", _figure(lambda profile: f"{profile.busy_us:.1f}")),
    Column("busy", lambda row: speedup(row.result.speedup(row.variant.profile, "busy_us"))),
    Column("idle %", _figure(lambda profile: f"{idle_percent(profile):.0f}")),
    Column("largest gap µs", _figure(lambda profile: f"{profile.largest_gap_us:.1f}")),
)
