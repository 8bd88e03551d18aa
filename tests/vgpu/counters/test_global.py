"""Requests and sectors of global memory, and what the cache model makes of them: worked out by hand."""

from __future__ import annotations

import pytest

from tests.vgpu.counters.conftest import words

WARPS = 8  # one block of 256 threads


def per_request(counters):
    return counters.sectors_read / counters.load_requests, counters.ideal_sectors_read / counters.load_requests


@pytest.mark.parametrize(
    ("stride", "offset", "sectors", "ideal"),
    [
        (1, 0, 4, 4),  # 128 bytes in a row
        (1, 1, 5, 4),  # shifted by 4 bytes
        (1, 8, 4, 4),  # shifted by a sector
        (2, 0, 8, 4),  # every other word
        (3, 0, 12, 4),
        (8, 0, 32, 4),  # a sector each
        (32, 0, 32, 4),
        (0, 5, 1, 1),  # all lanes the same word
    ],
)
def test_sectors_follow_the_stride(count, stride, offset, sectors, ideal):
    c = count("copy_strided", words(256), words(256 * 32), stride, offset, block=(256,))
    assert (c.load_requests, c.store_requests) == (WARPS, WARPS)
    assert per_request(c) == (sectors, ideal)
    assert (c.sectors_written, c.ideal_sectors_written) == (4 * WARPS, 4 * WARPS)
    assert c.l1_bytes == 32 * WARPS * (sectors + 4)


def test_two_halves_a_lane_are_as_many_sectors_as_one_float(count):
    c = count("copy_half2", words(256), words(256), block=(256,))
    assert per_request(c) == (4, 4)


def test_four_floats_a_lane_are_sixteen_sectors(count):
    c = count("copy_float4", words(1024), words(1024), block=(256,))
    assert per_request(c) == (16, 16)


def test_a_word_for_the_whole_warp_is_one_sector(count):
    c = count("broadcast", words(256), words(8), block=(256,))
    assert per_request(c) == (1, 1)
    assert c.l2_read_bytes == c.dram_read_bytes == 32  # the eight warps read one sector


def test_a_naive_transpose_writes_a_sector_for_every_lane(count):
    c = count("transpose", words(64 * 64), words(64 * 64), 64, grid=(2, 2), block=(32, 32))
    assert c.sectors_read / c.load_requests == 4
    assert c.sectors_written / c.store_requests == 32
    assert c.ideal_sectors_written / c.store_requests == 4
    assert c.dram_write_bytes == 64 * 64 * 4  # and still each sector once


def test_a_last_warp_with_few_lanes_asks_for_what_they_need(count):
    c = count("copy_strided", words(40), words(40), 1, 0, block=(40,))
    assert c.load_requests == 2
    assert c.sectors_read == c.ideal_sectors_read == 4 + 1


def test_l1_serves_what_its_block_has_read_before(count):
    c = count("read_again", words(96), words(64), 6, grid=(3,), block=(32,))
    assert c.sectors_read == 3 * 6 * 4
    assert c.l2_read_bytes == 3 * 64 * 4  # each block both halves once
    assert c.dram_read_bytes == 64 * 4  # the launch each once
    assert c.l2_write_bytes == c.dram_write_bytes == 96 * 4


def test_loads_that_pass_l1_go_to_l2_every_time(count):
    c = count("read_around_l1", words(96), words(64), 6, grid=(3,), block=(32,))
    assert c.l2_read_bytes == c.l1_bytes - 96 * 4 == 3 * 6 * 128
    assert c.dram_read_bytes == 64 * 4


def test_atomics_are_reads_and_writes_of_their_sectors(count):
    c = count("add_global", words(256 * 8, "int32"), words(256, "int32"), 8, block=(256,))
    assert (c.reductions, c.atomics) == (WARPS, WARPS)  # nobody reads what the first gives back
    assert (c.load_requests, c.store_requests) == (2 * WARPS, 3 * WARPS)
    assert (c.sectors_read, c.sectors_written) == (2 * 256, 2 * 256 + 32)
    assert c.l2_bytes == c.l1_bytes  # none is served by L1
    assert c.dram_read_bytes == 256 * 32


def test_atomics_on_one_word_are_one_sector(count):
    c = count("add_global", words(8, "int32"), words(256, "int32"), 0, block=(256,))
    assert c.sectors_read == c.ideal_sectors_read == 2 * WARPS
