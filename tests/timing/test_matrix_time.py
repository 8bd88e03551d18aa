"""The time of matrix products: waves and tails by hand, memory-bound small products, and monotony."""

import itertools
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.timing.torch_launches.launch import MatrixProduct
from harness.timing.torch_launches.matrix_time import matrix_ns, tiling
from harness.vgpu import gpus

V100 = gpus.load("V100")


def product(m, n, k, *, path="tensor", batch=1):
    item = 2 if path == "tensor" else 4
    return MatrixProduct("gemm", path, m, n, k, batch, item, batch * item * (m * k + k * n + m * n))


def rate(made, gpu=V100):
    """Flop/s."""
    return 2 * made.m * made.n * made.k * made.batch / (matrix_ns(made, gpu) * 1e-9)


@pytest.mark.parametrize("path", ["tensor", "fp32"])
@pytest.mark.parametrize("name", gpus.names())
def test_a_large_product_comes_near_the_achievable_peak_and_not_beyond(name, path):
    gpu = gpus.load(name)
    peak = (gpu.tensor_peak if path == "tensor" else gpu.fp32_peak) * gpu.gemm_efficiency[path]
    assert 0.85 * peak < rate(product(16384, 16384, 8192, path=path), gpu) <= peak


def test_full_waves_and_the_last_one_add_up():
    chosen = tiling(product(128 * 80, 256 * 4, 4096), V100)
    tile = chosen.tile
    blocks = ceil(128 * 80 / tile.rows) * ceil(256 * 4 / tile.columns) * chosen.split
    assert chosen.blocks == blocks
    flops_an_sm = ceil(blocks / V100.sms) * 2 * tile.rows * tile.columns * 4096 / chosen.split
    rate_of_an_sm = V100.tensor_peak * V100.gemm_efficiency["tensor"] / V100.sms
    assert chosen.ns >= flops_an_sm / rate_of_an_sm * 1e9


def test_one_tile_more_than_a_wave_costs_a_step():
    """Rows are added tile by tile: time grows in steps, so that a little more work can cost nothing or much."""
    times = [matrix_ns(product(rows, 4096, 1024), V100) for rows in range(1024, 4096, 64)]
    growth = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert max(growth) > 2 * sum(growth) / len(growth)


@pytest.mark.parametrize("rows", [1, 4, 32])
def test_a_few_rows_cost_what_reading_the_weights_costs_and_little_more(rows):
    """A decoding step's logits: 30,000 columns of 512, on a V100 41 us of DRAM in FP16."""
    made = product(rows, 30_000, 512)
    reading = made.dram_bytes / V100.achievable_dram_bandwidth * 1e9
    assert reading <= matrix_ns(made, V100) - V100.kernel_ramp_ns <= 1.5 * reading


def test_rows_up_to_a_tile_cost_the_same():
    assert matrix_ns(product(1, 768, 768), V100) == pytest.approx(matrix_ns(product(32, 768, 768), V100), rel=0.1)


def test_a_long_reduction_of_few_tiles_is_split_over_blocks():
    assert tiling(product(8, 768, 3072), V100).split > 1
    assert tiling(product(8192, 8192, 3072), V100).split == 1


def test_the_steps_of_a_small_product_wait_for_memory():
    chosen = tiling(product(32, 768, 768, path="fp32"), V100)
    steps = ceil(ceil(768 / chosen.split) / chosen.tile.depth)
    assert chosen.ns >= steps * V100.gemm_step_cycles / V100.clock_hz * 1e9


SIDES = st.integers(1, 2048)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(gpus.names()), st.sampled_from(["tensor", "fp32"]), SIDES, SIDES, SIDES, st.integers(1, 3))
def test_a_larger_product_never_takes_less_time(name, path, m, n, k, factor):
    gpu = gpus.load(name)
    small, large = product(m, n, k, path=path), product(factor * m, factor * n, factor * k, path=path)
    assert matrix_ns(small, gpu) <= matrix_ns(large, gpu)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(gpus.names()), SIDES, SIDES, SIDES)
def test_no_product_beats_the_peak_or_the_memory(name, m, n, k):
    gpu, made = gpus.load(name), product(m, n, k)
    assert rate(made, gpu) < gpu.tensor_peak
    assert matrix_ns(made, gpu) >= made.dram_bytes / gpu.dram_bandwidth * 1e9
