"""From what the blocks counted to the counters of a launch.

In: counts of every node and every site, added up over the blocks that were counted, and the states of the footprint.
Out: `Counters`; where blocks were sampled, scaled up to all of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from harness.vgpu.counters.record import SECTOR_BYTES, Counters, LineCounters, LongestWarp
from harness.vgpu.jit.facts import Facts
from harness.vgpu.jit.frame import Site
from harness.vgpu.ptx.program import SourceLine


class NodeCounts(NamedTuple):
    """As `vgpu_node_count` in layout.h."""

    times: int
    lanes: int
    parted: int


class SiteCounts(NamedTuple):
    """As `vgpu_site_count` in layout.h."""

    requests: int
    sectors: int
    ideal_sectors: int
    missed_sectors: int
    shared_requests: int
    wavefronts: int
    ideal_wavefronts: int
    local_requests: int
    local_sectors: int


@dataclass(frozen=True, slots=True)
class Footprint:
    """Sectors that the counted blocks touched: by one of them only, and by several."""

    read_once: int = 0
    read_again: int = 0
    written_once: int = 0
    written_again: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """What came out of a launch; `sampled` of its blocks were counted."""

    blocks: int
    warps: int
    sampled: int
    facts: Sequence[Facts]
    nodes: Sequence[NodeCounts]
    sites: Sequence[Site]
    site_counts: Sequence[SiteCounts]
    footprint: Footprint
    longest: LongestWarp


def counters(counted: Counted, by_line: bool = False) -> Counters:
    """The record; figures of lines only where they are asked for."""
    all_of_them = counted.sampled == counted.blocks

    def scaled(value: int) -> int:
        return value if all_of_them else round(Fraction(value * counted.blocks, counted.sampled))

    figures: dict[str, Any] = {
        name: {kind: scaled(count) for kind, count in sorted(value.items())}
        if isinstance(value, Counter)
        else scaled(value)
        for name, value in {**_of_nodes(counted), **_of_sites(counted)}.items()
    }
    seen = counted.footprint
    return Counters(
        blocks=counted.blocks,
        warps=counted.warps,
        sampled_blocks=0 if all_of_them else counted.sampled,
        # what several blocks touch, others touch as well: it does not grow with their number
        dram_read_bytes=SECTOR_BYTES * (scaled(seen.read_once) + seen.read_again),
        dram_write_bytes=SECTOR_BYTES * (scaled(seen.written_once) + seen.written_again),
        longest=counted.longest,
        lines=_lines(counted, scaled) if by_line else (),
        **figures,
    )


def _of_nodes(counted: Counted) -> dict[str, Counter[str] | int]:
    warp: Counter[str] = Counter()
    thread: Counter[str] = Counter()
    flops: Counter[str] = Counter()
    branches = parted = barriers = 0
    for facts, count in zip(counted.facts, counted.nodes, strict=True):
        if not count.times:
            continue
        for kind, number in facts.instructions.items():
            warp[kind] += number * count.times
            thread[kind] += number * count.lanes
        for type_, number in facts.tensor_flops.items():
            flops[type_] += number * count.times
        barriers += facts.barriers * count.times
        branches += facts.branches * count.times
        parted += count.parted
    return {
        "instructions": warp, "thread_instructions": thread, "tensor_flops": +flops, "barriers": barriers,
        "branches": branches, "divergent_branches": parted,
    }  # fmt: skip


# Counters by the kind of access that a site makes: their names, and the site's counts that they add up
_READ = {
    "load_requests": "requests", "sectors_read": "sectors", "ideal_sectors_read": "ideal_sectors",
    "l2_read_sectors": "missed_sectors",
}  # fmt: skip
_WRITTEN = {
    "store_requests": "requests", "sectors_written": "sectors", "ideal_sectors_written": "ideal_sectors",
    "l2_write_sectors": "missed_sectors",
}  # fmt: skip
_SHARED = {"requests": "shared_requests", "wavefronts": "wavefronts", "ideal_wavefronts": "ideal_wavefronts"}
_LOCAL_READ = {"local_load_requests": "local_requests", "local_sectors_read": "local_sectors"}
_LOCAL_WRITTEN = {"local_store_requests": "local_requests", "local_sectors_written": "local_sectors"}


def _shared(kind: str) -> dict[str, str]:
    return {f"shared_{kind}_{figure}": name for figure, name in _SHARED.items()}


_SHARED_ATOMIC = {
    "shared_atomics": "shared_requests", "shared_atomic_wavefronts": "wavefronts",
    "shared_atomic_ideal_wavefronts": "ideal_wavefronts",
}  # fmt: skip
_FIGURES = {
    "load": {**_READ, **_shared("load"), **_LOCAL_READ},
    "store": {**_WRITTEN, **_shared("store"), **_LOCAL_WRITTEN},
    "atomic": {"atomics": "requests", **_READ, **_WRITTEN, **_SHARED_ATOMIC, **_LOCAL_READ, **_LOCAL_WRITTEN},
    "reduction": {"reductions": "requests", **_READ, **_WRITTEN, **_SHARED_ATOMIC, **_LOCAL_READ, **_LOCAL_WRITTEN},
    "internal": {},
}


def _of_sites(counted: Counted) -> dict[str, Counter[str] | int]:
    totals: dict[str, int] = {name: 0 for figures in _FIGURES.values() for name in figures}
    for site, counts in zip(counted.sites, counted.site_counts, strict=True):
        if not any(counts):
            continue
        for name, source in _FIGURES[site.access].items():
            totals[name] += getattr(counts, source)
    for direction in ("read", "write"):
        totals[f"l2_{direction}_bytes"] = SECTOR_BYTES * totals.pop(f"l2_{direction}_sectors")
    return dict(totals)


def _lines(counted: Counted, scaled: Callable[[int], int]) -> tuple[LineCounters, ...]:
    """One record a line, in the order of files and lines; what has no line comes first."""
    found: dict[SourceLine | None, Counter[str]] = defaultdict(Counter)
    for facts, count in zip(counted.facts, counted.nodes, strict=True):
        for source, number in facts.lines.items():
            found[source]["instructions"] += number * count.times
            found[source]["thread_instructions"] += number * count.lanes
        if facts.branches:
            found[facts.branch]["branches"] += count.times
            found[facts.branch]["divergent_branches"] += count.parted
    for site, counts in zip(counted.sites, counted.site_counts, strict=True):
        line = found[site.source]
        for name in ("requests", "sectors", "ideal_sectors", "shared_requests", "wavefronts", "ideal_wavefronts",
                     "local_sectors"):  # fmt: skip
            line[name] += getattr(counts, name)
    return tuple(
        LineCounters(source, **{name: scaled(value) for name, value in figures.items()})
        for source, figures in sorted(found.items(), key=lambda item: _place(item[0]))
        if figures.total()
    )


def _place(source: SourceLine | None) -> tuple[tuple[str, int], ...]:
    return ((source.file, source.line), *_place(source.inlined_at)) if source else ()
