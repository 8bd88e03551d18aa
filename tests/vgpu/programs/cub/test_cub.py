"""CUB, as the toolkit brings it: collectives of warps and blocks in all their algorithms, and passes over a device."""

import numpy as np
import pytest

from tests.vgpu.programs.build import compiled


def integers(count, seed, low=-100, high=100):
    return np.random.default_rng(seed).integers(low, high, count, dtype=np.int32)


WHOLE = {32: 64, 16: 64, 8: 64, 7: 7}  # threads; of 7, CUB's member masks allow one logical warp


@compiled("warp_collectives", "sm_75", "sm_80")
@pytest.mark.parametrize("lanes", [32, 8, 7])
def test_warps_reduce(program, lanes):
    values, out = integers(64, 1), np.zeros((64, 5), np.int32)
    count = WHOLE[lanes]
    program.launch(f"reductionsILi{lanes}E", 1, count, out, values, 5)
    for first in range(0, count, lanes):
        warp, found = values[first : first + lanes], out[first : first + lanes]
        assert found[0, :3].tolist() == [warp.sum(), warp.max(), warp[:5].sum()]
        ends = [*np.flatnonzero(warp % 5 == 0), lanes]
        for head, end in zip([0, *ends[:-1]], ends, strict=True):
            if head < end:
                assert found[head, 3] == warp[head:end].sum()
        start = 0
        for tail in [*np.flatnonzero(warp % 5 == 0), lanes - 1]:
            if start <= tail:
                assert found[start, 4] == warp[start : tail + 1].min()
            start = tail + 1


@compiled("warp_collectives", "sm_75", "sm_80")
@pytest.mark.parametrize("lanes", [32, 16, 7])
def test_warps_scan(program, lanes):
    values, out = integers(64, 2), np.zeros((64, 6), np.int32)
    count = WHOLE[lanes]
    program.launch(f"scansILi{lanes}E", 1, count, out, values)
    warps = values[:count].reshape(-1, lanes)
    smallest = np.minimum.accumulate(np.pad(warps, ((0, 0), (1, 0)), constant_values=-7), axis=1)[:, :-1]
    columns = [warps.cumsum(1), warps.cumsum(1) - warps, np.broadcast_to(warps.sum(1, keepdims=True), warps.shape)]
    columns += [np.maximum.accumulate(warps, axis=1), smallest, np.broadcast_to(warps[:, -1:], warps.shape)]
    for number, column in enumerate(columns):
        np.testing.assert_array_equal(out[:count, number], column.ravel(), err_msg=f"column {number}")


@compiled("warp_collectives", "sm_80")
def test_warps_reduce_scan_and_sort_other_types(program):
    values, out = np.random.default_rng(3).uniform(-1, 1, 32), np.zeros(33)
    program.launch("wide", 1, 32, out, values)
    np.testing.assert_allclose(out, [*values.cumsum(), values.sum()], rtol=1e-12)
    keys = integers(128, 4)
    sorted_ = keys.copy()
    program.launch("sort", 1, 32, sorted_)
    np.testing.assert_array_equal(sorted_, np.sort(keys))


@compiled("block_reduce", "sm_75", "sm_80")
@pytest.mark.parametrize("algorithm", [0, 1, 2], ids=["raking-commutative", "raking", "warp-reductions"])
@pytest.mark.parametrize(
    ("letter", "threads", "dtype"), [("i", 128, np.int32), ("d", 100, np.float64)], ids=["int", "double"]
)
def test_blocks_reduce_by_every_algorithm(program, algorithm, letter, threads, dtype):
    values = integers((2, threads, 3), 5).astype(dtype)
    out = np.zeros((2, 3), dtype)
    program.launch(f"reduceI{letter}Li{threads}ELi{algorithm}E", 2, threads, out, values, 77)
    for block, row in zip(values, out.tolist(), strict=True):
        assert row == [block.sum(), block[:, 0].max(), block[:77, 1].sum()]


@compiled("block_reduce", "sm_80")
def test_a_block_of_three_dimensions_reduces_structs_in_order(program):
    lengths, out = integers(96, 6, 0, 20), np.zeros(2, np.int32)
    program.launch("longest", 1, (8, 6, 2), out, lengths)
    assert out.tolist() == [lengths.argmax(), lengths.max()]


@compiled("block_scan", "sm_75", "sm_80")
@pytest.mark.parametrize(("threads", "algorithm"), [(64, 0), (64, 1), (64, 2), (96, 0), (96, 2)])
def test_blocks_scan_by_every_algorithm(program, threads, algorithm):
    n = 500
    values, out = integers(n, 7), np.zeros((n, 3), np.int32)
    program.launch(f"scanILi{threads}ELi{algorithm}E", 1, threads, out, values, n)
    np.testing.assert_array_equal(out[:, 0], 100 + values.cumsum() - values)
    for first in range(0, n, 2 * threads):
        tile, found = values[first : first + 2 * threads], out[first : first + 2 * threads]
        np.testing.assert_array_equal(found[:, 1], np.maximum.accumulate(tile))
        assert (found[:, 2] == max(tile.max(), 0 if len(tile) < 2 * threads else -100)).all()


@compiled("block_sort", "sm_75", "sm_80")
@pytest.mark.parametrize(("letter", "dtype"), [("j", np.uint32), ("f", np.float32), ("x", np.int64)])
def test_blocks_sort_pairs_by_radix_up_and_down(program, letter, dtype):
    keys = np.random.default_rng(8).integers(0 if dtype is np.uint32 else -1000, 1000, 320).astype(dtype)
    values = np.zeros((2, 320), np.int32)
    program.launch(f"radixI{letter}E", 2, 64, keys, values)
    np.testing.assert_array_equal(values[0], np.argsort(keys, kind="stable"))
    order = -keys.astype(np.int64) if dtype is np.uint32 else -keys
    np.testing.assert_array_equal(values[1], np.argsort(order, kind="stable"))
    sorted_ = keys.copy()
    program.launch(f"radixI{letter}E", 1, 64, sorted_, values[:1].copy())
    np.testing.assert_array_equal(sorted_, np.sort(keys))


@compiled("block_sort", "sm_80")
def test_blocks_sort_by_some_bits_of_their_keys(program):
    keys = np.random.default_rng(9).integers(0, 65536, 320).astype(np.uint16)
    sorted_ = keys.copy()
    program.launch("some_bits", 1, 64, sorted_)
    np.testing.assert_array_equal(sorted_, keys[np.argsort(keys >> 4 & 127, kind="stable")])


@compiled("block_sort", "sm_75", "sm_80")
def test_blocks_merge_sort_stably_with_a_tail_left_out(program):
    keys = integers(320, 10, 0, 1000)
    sorted_ = keys.copy()
    program.launch("merge", 1, 64, sorted_, 300)
    np.testing.assert_array_equal(sorted_[:300], keys[:300][np.argsort(keys[:300] % 10, kind="stable")])


ALGORITHMS = ["direct", "striped", "vectorize", "transpose", "warp-transpose", "warp-transpose-timesliced"]


@compiled("load_store", "sm_75", "sm_80")
@pytest.mark.parametrize("algorithm", range(6), ids=ALGORITHMS)
def test_blocks_load_and_store_by_every_algorithm(program, algorithm):
    n, padded = 600, 768
    values, out, seen = integers(n, 11), np.zeros(n, np.int32), np.zeros(padded, np.int32)
    program.launch(f"copyILi{algorithm}E", 3, 64, out, seen, values, n)
    np.testing.assert_array_equal(out, values * 2 + 1)
    expected = np.concatenate([values, np.full(padded - n, -1, np.int32)])
    if ALGORITHMS[algorithm] == "striped":
        expected = expected.reshape(3, 4, 64).transpose(0, 2, 1).ravel()
    np.testing.assert_array_equal(seen, expected)


@compiled("block_shapes", "sm_75", "sm_80")
@pytest.mark.parametrize("algorithm", [0, 1], ids=["sort", "atomic"])
def test_blocks_count_into_histograms(program, algorithm):
    values, out = np.random.default_rng(12).integers(0, 32, 384).astype(np.uint8), np.zeros(32, np.uint32)
    program.launch(f"histogramILi{algorithm}E", 1, 64, out, values)
    np.testing.assert_array_equal(out, np.bincount(values, minlength=32))


@compiled("block_shapes", "sm_75", "sm_80")
def test_blocks_compare_and_exchange_with_neighbours(program):
    values, out = integers(192, 13, 0, 4), np.zeros((64, 6, 3), np.int32)
    program.launch("neighbours", 1, 64, out, values)
    before, after = np.concatenate([[-1], values[:-1]]), np.concatenate([values[1:], [5]])
    scattered = np.zeros(192, np.int32)
    scattered[np.arange(192) * 5 % 192] = values
    expected = [values != before, values != after, values - np.concatenate([[3], values[:-1]])]
    expected += [values.reshape(3, 64).T.ravel(), scattered, before]
    for number, column in enumerate(expected):
        np.testing.assert_array_equal(out[:, number].ravel(), column, err_msg=f"column {number}")


@compiled("block_shapes", "sm_80")
def test_blocks_decode_runs(program):
    values, lengths = integers(64, 14), integers(64, 15, 1, 20)
    total = int(lengths.sum())
    out = np.zeros(total + 1, np.int32)
    program.launch("decode", 1, 64, out, values, lengths, total)
    np.testing.assert_array_equal(out, [*np.repeat(values, lengths), total])


@compiled("device_passes", "sm_75", "sm_80")
def test_a_device_is_reduced_in_two_passes(program):
    values, partial, out = np.random.default_rng(16).standard_normal(20000, np.float32), np.zeros(13), np.zeros(1)
    program.launch("partial_sums", 13, 128, partial, values, 20000)
    program.launch("total", 1, 128, out, partial, 13)
    np.testing.assert_allclose(out, values.astype(np.float64).sum(), rtol=1e-12)


@compiled("device_passes", "sm_75", "sm_80", "sm_90")
def test_tiles_look_back_for_the_sum_of_those_before(program):
    n = 10000
    values, tiles = integers(n, 17), -(-n // 512)
    out, count = np.zeros(n, np.int32), np.zeros(1, np.int32)
    state, counter = np.zeros(tiles, np.uint64), np.zeros(1, np.int32)
    program.launch("select_even", tiles, 128, out, count, state, counter, values, n)
    kept = values[values % 2 == 0]
    assert count[0] == len(kept)
    np.testing.assert_array_equal(out[: len(kept)], kept)


@compiled("device_kernels", "sm_80", "sm_90")
def test_the_librarys_own_scan_runs_over_a_device(program):
    n = 5000
    values, tiles = integers(n, 18), -(-n // 512)
    out, memory = np.zeros(n, np.int32), np.zeros(tiles * 64 + 4096, np.uint8)
    program.launch("prepare", 1, 128, memory, tiles)
    program.launch("exclusive_sum", tiles, 128, out, values, memory, tiles, n)
    np.testing.assert_array_equal(out, 1000 + values.cumsum() - values)
