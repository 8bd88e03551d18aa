"""Cooperative groups: tiles, groups made at run time, blocks and whole grids."""

import numpy as np
import pytest

from tests.vgpu.programs.build import compiled


@compiled("tiles", "sm_75", "sm_80", "sm_90")
@pytest.mark.parametrize("size", [2, 8, 32])
def test_tiles_shuffle_vote_reduce_and_scan_among_themselves(program, size):
    values, out = np.random.default_rng(1).integers(0, 100, 96, dtype=np.int32), np.zeros((96, 10), np.uint32)
    program.launch(f"tilesILi{size}E", 1, 96, out, values)
    for number, tile in enumerate(values.reshape(-1, size)):
        for rank, value in enumerate(tile):
            assert out[number * size + rank].tolist() == [
                rank + 100 * number + 10000 * (96 // size),
                tile[size // 2],
                tile[min(rank + 1, size - 1)],
                tile[rank ^ size // 2],
                sum(1 << lane for lane in range(size) if tile[lane] & 1),
                (tile > 90).any() + 2 * (tile < 95).all(),
                tile.sum(),
                tile.max(),
                tile[: rank + 1].sum(),
                tile[:rank].sum(),
            ], (number, rank, value)


@compiled("tiles", "sm_75", "sm_80")
def test_tiles_of_one_warp_go_different_ways(program):
    values, out = np.random.default_rng(2).integers(-50, 50, 96).astype(np.float32), np.zeros(96, np.float32)
    program.launch("apart", 1, 96, out, values)
    ways = [np.sum, np.max, lambda tile: sum(v * 0.5 ** (7 - k) for k, v in enumerate(tile))]
    expected = [ways[number % 3](tile) for number, tile in enumerate(values.reshape(-1, 8))]
    np.testing.assert_allclose(out.reshape(-1, 8), np.repeat(np.array(expected)[:, None], 8, 1), rtol=1e-6)


@compiled("partitions", "sm_75", "sm_80", "sm_90")
def test_threads_that_come_together_form_a_group(program):
    values, out, counter = (
        np.random.default_rng(3).integers(0, 99, 64, dtype=np.int32),
        np.zeros((64, 4), np.int32),
        np.zeros(1, np.int32),
    )
    program.launch("coalesced", 1, 64, out, values, counter)
    taken = values % 3 == 0
    assert counter[0] == taken.sum()
    assert sorted(out[taken, 0].tolist()) == list(range(taken.sum()))
    for first in (0, 32):
        chosen = taken[first : first + 32]
        members = values[first : first + 32][chosen]
        found = out[first : first + 32][chosen]
        assert (found[:, 1:] == [len(members), members.sum(), members[-1]]).all()
        assert (np.diff(found[:, 0]) == 1).all()
    assert not out[~taken].any()


@compiled("partitions", "sm_75", "sm_80", "sm_90")
def test_threads_with_one_label_form_a_group(program):
    values, out = np.random.default_rng(4).integers(0, 6, 64, dtype=np.int32), np.zeros((64, 6), np.int32)
    program.launch("labeled", 1, 64, out, values)
    for i, row in enumerate(out.tolist()):
        warp = range(i // 32 * 32, i // 32 * 32 + 32)
        same = [j for j in warp if values[j] == values[i]]
        half = [j for j in warp if (values[j] > 2) == (values[i] > 2)]
        assert row == [same.index(i), len(same), sum(same), len(half), half.index(i), half[0]]


@compiled("block_groups", "sm_75", "sm_80", "sm_90", "debug")
def test_a_block_is_a_group(program):
    out, total = np.zeros((3, 128, 2), np.int32), np.zeros(1, np.int32)
    program.launch("block", 3, (8, 4, 4), out, total)
    rank = np.arange(128)
    index = rank % 8 + 10 * (rank // 8 % 4) + 100 * (rank // 32) + 8000 + 40000
    for block in range(3):
        np.testing.assert_array_equal(out[block, :, 0], index)
        assert (out[block, :, 1] == rank.sum() + 128 * block).all()
    assert total[0] == 3 * (rank.sum() + 128)


@compiled("block_groups", "sm_80", "sm_90")
def test_a_block_arrives_at_a_barrier_and_waits_later(program):
    out = np.zeros(64, np.int32)
    program.launch("split_barrier", 1, 64, out)
    assert out.tolist() == [(63 - i) ** 2 + 3 * i for i in range(64)]


@compiled("grid", "sm_75", "sm_80", "sm_90")
def test_a_grid_sums_in_one_launch(program):
    values = np.random.default_rng(5).integers(-99, 99, 5000, dtype=np.int32)
    partial, out = np.zeros(512, np.int32), np.zeros(8, np.int32)
    program.launch("sum", 8, 64, partial, out, values, 5000, cooperative=True)
    assert out.tolist() == [values.sum() * 10 + 1] * 8


@compiled("grid", "sm_75", "sm_80", "sm_90")
def test_blocks_exchange_their_borders_between_steps(program):
    first = np.zeros(300, np.uint8)
    first[-1] = 1
    second, cells = np.zeros_like(first), first.copy()
    for _ in range(40):
        padded = np.pad(cells, 1)
        cells = (110 >> (padded[:-2] * 4 + padded[1:-1] * 2 + padded[2:]) & 1).astype(np.uint8)
    program.launch("rule_110", 5, 32, first, second, 300, 40, cooperative=True)
    np.testing.assert_array_equal(first, cells)
