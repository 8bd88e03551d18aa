"""Counters of several launches, added up.

In: `Counters`. Out: one whose figures are their sums; its longest warp is the longest of all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from harness.vgpu.counters.record import Counters, LineCounters
from harness.vgpu.ptx.program import SourceLine


def total(launches: Iterable[Counters]) -> Counters:
    """Of a sampled launch the blocks that were counted enter `sampled_blocks`, of any other beside it all of them."""
    added = tuple(launches)
    names = [field.name for field in fields(Counters) if field.name not in ("longest", "lines", "sampled_blocks")]
    figures = {name: _sum([getattr(each, name) for each in (Counters(), *added)]) for name in names}
    sampled = sum(each.sampled_blocks or each.blocks for each in added)
    return Counters(
        **figures,
        sampled_blocks=sampled if any(each.sampled_blocks for each in added) else 0,
        longest=max((each.longest for each in added), key=lambda path: path.instructions, default=Counters().longest),
        lines=_lines(added),
    )


def _sum(values: Sequence[Any]) -> Any:
    if isinstance(values[0], dict):
        return dict(sorted(sum(map(Counter, values), Counter()).items()))
    return sum(values)


def _lines(launches: Sequence[Counters]) -> tuple[LineCounters, ...]:
    by_source: dict[SourceLine | None, list[LineCounters]] = {}
    for each in launches:
        for line in each.lines:
            by_source.setdefault(line.source, []).append(line)
    return tuple(added(source, lines) for source, lines in by_source.items())


def added(source: SourceLine | None, lines: Sequence[LineCounters]) -> LineCounters:
    """One record for several, which is said to be of this line."""
    names = [field.name for field in fields(LineCounters) if field.name != "source"]
    return LineCounters(source, **{name: sum(getattr(line, name) for line in lines) for name in names})
