"""Efficiency figures of counters: shares from 0 to 1, None where there is nothing to be efficient at.

In: `Counters`. Out: one `Efficiency`. docs/counters.md says what Nsight Compute calls each.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.vgpu.counters.record import SECTOR_BYTES, Counters

LANES = 32


@dataclass(frozen=True, slots=True)
class Efficiency:
    """`sector` is 1 where requests touch no more sectors than their bytes need, `conflict_free` where no wavefront of
    shared memory is due to a bank conflict, `active_lanes` where no lane idles, `uniform_branches` where lanes never
    part; `l1_hits` is the share of sectors read that L1 had."""

    sector: float | None
    sector_read: float | None
    sector_written: float | None
    sectors_per_load: float | None
    sectors_per_store: float | None
    l1_hits: float | None
    conflict_free: float | None
    active_lanes: float | None
    uniform_branches: float | None


def efficiency(c: Counters) -> Efficiency:
    parted = _share(c.divergent_branches, c.branches)
    missed = _share(c.l2_read_bytes, SECTOR_BYTES * c.sectors_read)
    return Efficiency(
        sector=_share(c.ideal_sectors, c.sectors),
        sector_read=_share(c.ideal_sectors_read, c.sectors_read),
        sector_written=_share(c.ideal_sectors_written, c.sectors_written),
        sectors_per_load=_share(c.sectors_read, c.load_requests),
        sectors_per_store=_share(c.sectors_written, c.store_requests),
        l1_hits=None if missed is None else 1 - missed,
        conflict_free=_share(c.ideal_wavefronts, c.wavefronts),
        active_lanes=_share(sum(c.thread_instructions.values()), LANES * c.warp_instructions),
        uniform_branches=None if parted is None else 1 - parted,
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
