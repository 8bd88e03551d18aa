"""Counters added up, and the figures made of them."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from harness.vgpu.counters.figures import efficiency
from harness.vgpu.counters.record import Counters, LineCounters, LongestWarp
from harness.vgpu.counters.total import total
from harness.vgpu.ptx.program import SourceLine

LINE = SourceLine("a.cu", 1)
ONE = Counters(
    blocks=4, warps=8, instructions={"int": 10, "fp32": 1}, sectors_read=3, longest=LongestWarp(instructions=5),
    lines=(LineCounters(LINE, instructions=11),),
)  # fmt: skip
OTHER = Counters(
    blocks=2, warps=2, instructions={"int": 1, "sfu": 2}, sectors_read=4, longest=LongestWarp(instructions=7, barriers=1),
    lines=(LineCounters(LINE, instructions=1), LineCounters(None, instructions=2)),
)  # fmt: skip


def test_figures_of_launches_add_up():
    both = total([ONE, OTHER])
    assert (both.blocks, both.warps, both.sectors_read) == (6, 10, 7)
    assert both.instructions == {"fp32": 1, "int": 11, "sfu": 2}
    assert both.longest == OTHER.longest
    assert both.lines == (LineCounters(LINE, instructions=12), LineCounters(None, instructions=2))


def test_the_total_of_nothing_is_nothing():
    assert total([]) == Counters()


@pytest.mark.parametrize(("first", "second", "sampled"), [(0, 0, 0), (1, 0, 3), (1, 1, 2)])
def test_blocks_that_were_counted_add_up_where_some_were_not(first, second, sampled):
    launches = [Counters(blocks=4, sampled_blocks=first), Counters(blocks=2, sampled_blocks=second)]
    assert total(launches).sampled_blocks == sampled


def test_shares_are_of_what_there_is():
    found = efficiency(Counters(
        instructions={"int": 10}, thread_instructions={"int": 160}, sectors_read=32, ideal_sectors_read=4,
        load_requests=1, l2_read_bytes=512, shared_load_wavefronts=32, shared_load_ideal_wavefronts=1,
        branches=4, divergent_branches=1,
    ))  # fmt: skip
    assert (found.sector, found.sector_read, found.sector_written) == (4 / 32, 4 / 32, None)
    assert (found.sectors_per_load, found.sectors_per_store) == (32, None)
    assert found.l1_hits == 0.5
    assert found.conflict_free == 1 / 32
    assert found.active_lanes == 0.5
    assert found.uniform_branches == 0.75


def test_nothing_has_no_efficiency():
    assert set(asdict(efficiency(Counters())).values()) == {None}
