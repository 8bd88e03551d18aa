"""Algorithms as CUDA programs write them: reductions, scans, sorts, histograms, matrices."""

import numpy as np
import pytest

from tests.vgpu.programs.build import compiled


def integers(shape, seed, low=-100, high=100):
    return np.random.default_rng(seed).integers(low, high, shape, dtype=np.int32)


def reals(shape, seed, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@compiled("reductions", "sm_75", "sm_80")
@pytest.mark.parametrize("step", range(1, 8))
def test_every_step_of_the_reduction_gives_the_sum(program, step):
    values = integers(3000, step)
    blocks = 12 if step < 4 else 6 if step < 6 else 4
    out = np.zeros(blocks, np.int32)
    program.launch(f"reduceILi{step}E", blocks, 256, out, values, 3000)
    assert out.sum() == values.sum()


@compiled("transpose", "sm_75", "sm_80", "debug")
def test_a_matrix_is_transposed_naively_and_by_tiles(program):
    matrix = reals((70, 45), 1)
    for kernel, block in (("naive", (32, 32)), ("tiledIfLi0E", (32, 8)), ("tiledIfLi1E", (32, 8))):
        out = np.zeros((45, 70), np.float32)
        program.launch(kernel, (2, 3), block, out, matrix, 70, 45)
        np.testing.assert_array_equal(out, matrix.T)


@compiled("transpose", "sm_80")
def test_matrices_of_bytes_and_of_pairs_are_transposed(program):
    letters, pairs = integers((40, 50), 2, 0, 255).astype(np.uint8), reals((40, 50, 2), 3, np.float64)
    turned, turned_pairs = np.zeros((50, 40), np.uint8), np.zeros((50, 40, 2))
    program.launch("tiledIhLi1E", (2, 2), (32, 8), turned, letters, 40, 50)
    program.launch("tiledI7double2Li1E", (2, 2), (32, 8), turned_pairs, pairs, 40, 50)
    np.testing.assert_array_equal(turned, letters.T)
    np.testing.assert_array_equal(turned_pairs, pairs.transpose(1, 0, 2))


@compiled("transpose", "sm_75", "sm_80")
def test_a_square_matrix_is_transposed_in_place(program):
    matrix = reals((45, 45), 4)
    turned = matrix.copy()
    program.launch("in_place", (3, 3), (16, 16), turned, 45)
    np.testing.assert_array_equal(turned, matrix.T)


@compiled("counting", "sm_75", "sm_80", "sm_90")
@pytest.mark.parametrize("kernel", ["by_global_atomics", "by_blocks", "by_matching"])
def test_bytes_are_counted(program, kernel):
    values = (np.random.default_rng(5).normal(128, 20, 5000).clip(0, 255)).astype(np.uint8)
    counts = np.zeros(256, np.uint32)
    program.launch(kernel, 5, 128, counts, values, 5000)
    np.testing.assert_array_equal(counts, np.bincount(values, minlength=256))


@compiled("counting", "sm_80", "debug")
def test_a_counting_sort_places_every_run(program):
    values = integers(1000, 6, 0, 16).astype(np.uint8)
    out = np.zeros_like(values)
    program.launch("counting_sort", 1, 64, out, values, 1000)
    np.testing.assert_array_equal(out, np.sort(values))


@compiled("scans", "sm_75", "sm_80", "debug")
def test_prefix_sums_by_two_classic_networks(program):
    values, inclusive, exclusive = integers(512, 7), np.zeros(256, np.int32), np.zeros(512, np.int32)
    program.launch("hillis_steele", 1, 256, inclusive, values[:256].copy())
    program.launch("blelloch", 1, 256, exclusive, values)
    np.testing.assert_array_equal(inclusive, values[:256].cumsum())
    np.testing.assert_array_equal(exclusive, values.cumsum() - values)


@compiled("scans", "sm_75", "sm_80")
def test_a_scan_of_flags_compacts(program):
    values, out, count = integers(1500, 8, 0, 100), np.zeros(1500, np.int32), np.zeros(1, np.int32)
    program.launch("compact", 1, 192, out, count, values, 1500)
    kept = values[values % 3 == 1]
    assert count[0] == len(kept)
    np.testing.assert_array_equal(out[: len(kept)], kept)


@compiled("sorting", "sm_75", "sm_80", "debug")
def test_a_bitonic_network_sorts_a_block(program):
    values = integers(512, 9)
    sorted_ = values.copy()
    program.launch("bitonic", 1, 256, sorted_)
    np.testing.assert_array_equal(sorted_, np.sort(values))


@compiled("sorting", "sm_75", "sm_80")
def test_a_warp_sorts_its_registers(program):
    values = np.random.default_rng(10).integers(0, 2**63, (4, 32), dtype=np.uint64)
    sorted_ = values.copy()
    program.launch("in_warp", 2, 64, sorted_)
    np.testing.assert_array_equal(sorted_, np.sort(values, axis=1))


@compiled("sorting", "sm_80", "debug")
def test_odd_even_transposition_ends_when_nothing_changes(program):
    values = reals(150, 11)
    sorted_ = values.copy()
    program.launch("odd_even", 1, 96, sorted_, 150)
    np.testing.assert_array_equal(sorted_, np.sort(values))


@compiled("sorting", "sm_75", "sm_80")
def test_a_warp_finds_the_largest_of_a_row(program):
    rows, best, places = (
        integers((9, 300), 12).astype(np.float32),
        np.zeros((9, 4), np.float32),
        np.zeros((9, 4), np.int32),
    )
    program.launch("top_kILi4E", 9, 32, best, places, rows, 300)
    order = np.argsort(-rows, axis=1, kind="stable")[:, :4]
    np.testing.assert_array_equal(places, order)
    np.testing.assert_array_equal(best, np.take_along_axis(rows, order, 1))


@compiled("dense", "sm_75", "sm_80", "debug")
def test_a_matrix_product_by_tiles_of_any_size(program):
    a, b, c = reals((45, 37), 13), reals((37, 53), 14), np.zeros((45, 53), np.float32)
    program.launch("tiled", (4, 3), (16, 16), c, a, b, 45, 53, 37)
    np.testing.assert_allclose(c, a.astype(np.float64) @ b, atol=1e-4)


@compiled("dense", "sm_75", "sm_80", "sm_90")
def test_a_matrix_product_with_sixteen_results_a_thread(program):
    a, b, c = reals((64, 48), 15), reals((48, 96), 16), np.zeros((64, 96), np.float32)
    program.launch("blocked", (3, 2), 64, c, a, b, 96, 48)
    np.testing.assert_allclose(c, a.astype(np.float64) @ b, atol=1e-4)


@compiled("dense", "sm_75", "sm_80")
def test_a_matrix_times_a_vector_by_warps(program):
    a, x, y = reals((50, 333), 17, np.float64), reals(333, 18, np.float64), np.zeros(50)
    program.launch("matrix_vector", 13, 128, y, a, x, 50, 333)
    np.testing.assert_allclose(y, a @ x, rtol=1e-12, atol=1e-12)


@compiled("dense", "sm_80", "debug")
def test_a_matrix_is_factored_and_systems_are_solved(program):
    half = reals((40, 40), 19, np.float64)
    matrix = half @ half.T + 40 * np.eye(40)
    factor = matrix.copy()
    program.launch("cholesky", 1, 64, factor, 40)
    np.testing.assert_allclose(np.tril(factor), np.linalg.cholesky(matrix), rtol=1e-10)
    systems, solutions = reals((3, 20, 21), 20, np.float64), np.zeros((3, 20))
    program.launch("solve", 3, 32, systems.copy(), solutions, 20)
    np.testing.assert_allclose(solutions, np.linalg.solve(systems[:, :, :20], systems[:, :, 20:])[:, :, 0], rtol=1e-8)
