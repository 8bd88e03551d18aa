"""What a stored run keeps of counters."""

from __future__ import annotations

import torch

from harness.counted import count
from harness.counted.kept import kept
from tests.counted.conftest import doubled


def test_every_kernel_is_kept_with_its_figures(both):
    counts = kept(both)
    for kernel, counted in zip(counts.kernels, both.kernels, strict=True):
        assert (kernel.name, kernel.launches) == (counted.name, counted.launches)
        assert (kernel.grid, kernel.block, kernel.registers) == (counted.grid, counted.block, counted.registers)
        assert kernel.sector_efficiency == counted.efficiency.sector
        assert kernel.conflict_free == counted.efficiency.conflict_free
        assert (kernel.dram_bytes, kernel.spill_bytes) == (counted.counters.dram_bytes, 0)
        assert (kernel.shared_bytes, kernel.sampled_blocks) == (counted.shared_bytes, 0)
    assert (counts.compulsory_bytes, counts.traffic) == (both.compulsory_bytes, both.traffic)


def test_a_sample_says_how_many_blocks_it_is_of(device):
    (kernel,) = kept(count(doubled, [torch.ones(64, 64)], device, sample=8, by_line=False)).kernels
    assert (kernel.sampled_blocks, kernel.blocks) == (8, 32)


def test_what_is_withheld_keeps_its_reason(device):
    counts = kept(count(lambda x: doubled(x + 1), [torch.ones(64, 64)], device, by_line=False))
    assert (counts.compulsory_bytes, counts.traffic) == (None, None)
    assert counts.withheld == "torch's own operators move a part of the data"


def test_without_lines_all_other_figures_are_the_same(device):
    whole, plain = (count(doubled, [torch.ones(64, 64)], device, by_line=by_line) for by_line in (True, False))
    assert kept(whole) == kept(plain)
    assert (len(whole.kernels[0].counters.lines) > 0, plain.kernels[0].counters.lines) == (True, ())
