"""The rows that every report shows: one a case, in suites.

In: a `Run`. Out: its suites in order, each with its results; and a table of columns, each with a heading, the text of a
cell, and the figures behind it by name.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from harness.results.record import CaseResult, Profile, Run, Variant
from harness.validation.stated import stated_error

Figure: TypeAlias = int | float | str | bool | None
NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Column:
    """`cell` makes the text of a case; `needs_profile` columns are left out where no case was timed."""

    heading: str
    cell: Callable[[CaseResult], str]
    needs_profile: bool = True


def suites(run: Run) -> list[list[CaseResult]]:
    """Results by suite, in the order of their first appearance."""
    by_suite: dict[str, list[CaseResult]] = {}
    for result in run.results:
        by_suite.setdefault(result.suite, []).append(result)
    return list(by_suite.values())


def title(run: Run, results: list[CaseResult]) -> str:
    """What a table must say: suite, device, seed, and whether its times are measured or modelled."""
    seeds = ", ".join(str(seed) for seed in sorted({result.seed for result in results}))
    timed = f", times {run.source}" if any(result.fused for result in results) else ""
    return f"{results[0].suite} on {run.device}, {run.device_name}, seed {seeds}{timed}"


def columns(results: Iterable[CaseResult]) -> list[Column]:
    """The columns of a table of these results."""
    timed = any(result.fused for result in results)
    return [column for column in COLUMNS if timed or not column.needs_profile]


def mean_speedups(results: Iterable[CaseResult]) -> tuple[float, float] | None:
    """Geometric means of wall and busy speedup over the cases that have both; None without any."""
    pairs = [(r.wall_speedup, r.busy_speedup) for r in results]
    kept = [(wall, busy) for wall, busy in pairs if wall and busy]
    if not kept:
        return None
    wall, busy = (math.exp(sum(map(math.log, column)) / len(kept)) for column in zip(*kept, strict=True))
    return wall, busy


def footer(results: list[CaseResult]) -> str:
    """One line under a table: how many cases hold, and the mean speedups."""
    passed = sum(result.verdict.passed for result in results)
    text = f"{passed} of {len(results)} cases equal"
    if means := mean_speedups(results):
        text += f"; geometric mean speedup: wall {means[0]:.2f}x, busy {means[1]:.2f}x"
    return text


def stated_errors(run: Run) -> str:
    """How far modelled times are from published ones; nothing where none are shown."""
    shown = run.source == "modelled" and any(result.fused for result in run.results)
    return stated_error() if shown else ""


def exceptions(results: list[CaseResult]) -> list[str]:
    """What cases ask other than the rule, with the suite's reasons: one line each, and in how many cases."""
    counted = Counter(note for result in results for note in result.verdict.notes)
    return [f"exception in {count} of {len(results)} cases: {note}" for note, count in counted.items()]


def figures(result: CaseResult) -> dict[str, Figure]:
    """All figures of a case by name, for machines: one row of a CSV file."""
    verdict = result.verdict
    row: dict[str, Figure] = {"suite": result.suite, "case": result.case, **result.axes, "seed": result.seed}
    row |= {"equal": verdict.passed, "reason": verdict.reason.partition("\n")[0]}
    row |= {"max_abs": verdict.max_abs, "max_rel": verdict.max_rel, "max_ulp": verdict.max_ulp}
    row |= {"error": verdict.error, "allowed": verdict.allowed, "mismatches": verdict.mismatches}
    for variant, profile in (("reference", result.reference), ("fused", result.fused)):
        row |= {f"{variant}_{name}": value for name, value in _profile_figures(profile).items()}
    row |= {"wall_speedup": result.wall_speedup, "busy_speedup": result.busy_speedup}
    for further in result.variants:
        row |= _variant_figures(result, further)
    return row


def _variant_figures(result: CaseResult, variant: Variant) -> dict[str, Figure]:
    """As the fused function's own: figures, speedups over the eager reference, and why there are none."""
    row = _profile_figures(variant.profile)
    row |= {"wall_speedup": result.speedup(variant.profile, "wall_us")}
    row |= {"busy_speedup": result.speedup(variant.profile, "busy_us")}
    named: dict[str, Figure] = {f"{variant.side}_{variant.way}_{name}": value for name, value in row.items()}
    return named | {f"{variant.side}_{variant.way}_reason": variant.reason}


def _profile_figures(profile: Profile | None) -> dict[str, Figure]:
    names = ("launches", "submissions", "copies", "memsets", "host_us", "wall_us", "busy_us", "idle_us", "gaps",
             "largest_gap_us", "dram_bytes")  # fmt: skip
    return {name: getattr(profile, name) if profile else None for name in names}


def idle_percent(profile: Profile) -> float:
    """Idle share of the projected window (busy + idle)."""
    window = profile.busy_us + profile.idle_us
    return 100 * profile.idle_us / window if window else 0.0


def _both(text: Callable[[Profile], str]) -> Callable[[CaseResult], str]:
    """`reference → fused`"""

    def cell(result: CaseResult) -> str:
        if result.reference is None or result.fused is None:
            return NOTHING
        return f"{text(result.reference)} → {text(result.fused)}"

    return cell


def speedup(ratio: float | None) -> str:
    """The text of a ratio."""
    return f"{ratio:.2f}x" if ratio else NOTHING


def _error(result: CaseResult) -> str:
    return NOTHING if math.isnan(result.verdict.max_abs) else f"{result.verdict.max_abs:.2g}"


COLUMNS = (
    Column("case", lambda result: result.case, needs_profile=False),
    Column("dtype", lambda result: result.dtype, needs_profile=False),
    Column("equal", lambda result: "yes" if result.verdict.passed else "NO", needs_profile=False),
    Column("max error", _error, needs_profile=False),
    Column("launches", _both(lambda profile: str(profile.launches))),
    Column("wall µs", _both(lambda profile: f"{profile.wall_us:.1f}")),
    Column("wall", lambda result: speedup(result.wall_speedup)),
    Column("busy µs", _both(lambda profile: f"{profile.busy_us:.1f}")),
    Column("busy", lambda result: speedup(result.busy_speedup)),
    Column("idle %", _both(lambda profile: f"{idle_percent(profile):.0f}")),
    Column("gaps", _both(lambda profile: str(profile.gaps))),
)
