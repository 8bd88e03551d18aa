"""Counting in some of the blocks: every block runs, figures are scaled up and say so."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vgpu.counters.conftest import mode, words

BLOCKS = 24


def copied(count, **changes):
    out, source = words(256 * BLOCKS), words(256 * BLOCKS)
    source[:] = np.arange(source.size)
    counters = count("copy_strided", out, source, 1, 0, grid=(BLOCKS,), block=(256,), mode=mode(**changes))
    return counters, out, source


@pytest.mark.parametrize("sample", [1, 5, 23])
def test_of_equal_blocks_a_sample_says_what_all_would(count, sample):
    exact, _, _ = copied(count)
    sampled, _, _ = copied(count, sample=sample)
    assert sampled.sampled_blocks == sample
    assert exact.sampled_blocks == 0
    assert sampled.longest == exact.longest
    for name in ("blocks", "warps", "instructions", "sectors", "dram_bytes", "l2_bytes"):
        assert getattr(sampled, name) == getattr(exact, name)


def test_every_block_runs_all_the_same(count):
    _, out, source = copied(count, sample=3)
    np.testing.assert_array_equal(out, source)


def test_a_sample_alone_counts_the_same_and_leaves_the_other_blocks_out(count):
    sampled, _, _ = copied(count, sample=3)
    alone, out, _ = copied(count, sample=3, alone=True)
    assert alone == sampled
    assert np.count_nonzero(out.reshape(BLOCKS, 256)[:, 1:].any(axis=1)) == 3


@pytest.mark.parametrize("sample", [BLOCKS, BLOCKS + 1])
def test_a_sample_of_all_blocks_is_none(count, sample):
    assert copied(count, sample=sample)[0].sampled_blocks == 0


def test_what_all_blocks_read_is_not_scaled(count):
    sampled = count("read_again", words(32 * BLOCKS), words(64), 6, grid=(BLOCKS,), block=(32,), mode=mode(sample=4))
    assert sampled.dram_read_bytes == 64 * 4
    assert sampled.dram_write_bytes == 32 * BLOCKS * 4


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sample_is_the_same_blocks_whoever_runs_them(count, workers):
    first, _, _ = copied(count, sample=7)
    again, _, _ = copied(count, sample=7, workers=workers)
    assert first == again
