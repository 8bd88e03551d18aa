"""Occupancy against figures that NVIDIA's occupancy calculator gives."""

import pytest

from harness.vgpu import gpus
from harness.vgpu.occupancy import occupancy

T4, V100, A100, H100 = (gpus.load(name) for name in ("T4", "V100", "A100", "H100"))


@pytest.mark.parametrize(
    ("gpu", "threads", "registers", "shared", "blocks", "limit"),
    [
        (V100, 256, 32, 0, 8, "threads"),
        (V100, 256, 64, 0, 4, "registers"),
        (V100, 256, 65, 0, 3, "registers"),  # 72 after rounding: 28 warps, 3 blocks of 8
        (V100, 32, 16, 0, 32, "blocks"),
        (V100, 128, 16, 24 * 1024, 4, "shared memory"),
        (T4, 256, 32, 0, 4, "threads"),
        (T4, 1024, 64, 0, 1, "threads"),
        (T4, 128, 16, 32 * 1024, 2, "shared memory"),
        (A100, 256, 32, 0, 8, "threads"),
        (A100, 128, 16, 40 * 1024, 4, "shared memory"),  # 1 KiB a block is the system's
        (A100, 1024, 32, 0, 2, "threads"),
        (H100, 256, 255, 0, 1, "registers"),
    ],
)
def test_blocks_per_sm(gpu, threads, registers, shared, blocks, limit):
    found = occupancy(threads, registers, shared, gpu)
    assert (found.blocks_per_sm, found.limit) == (blocks, limit)


def test_threads_are_counted_over_all_dimensions():
    assert occupancy((32, 4, 2), 32, 0, V100) == occupancy(256, 32, 0, V100)


def test_a_partial_warp_takes_a_whole_one():
    assert occupancy(33, 32, 0, V100).warps_per_block == 2


@pytest.mark.parametrize(
    ("threads", "registers", "shared", "limit"),
    [(1056, 16, 0, "threads"), (1024, 65, 0, "registers"), (32, 256, 0, "registers"), (32, 16, 65537, "shared memory")],
)
def test_a_block_that_does_not_fit_says_why(threads, registers, shared, limit):
    found = occupancy(threads, registers, shared, T4)
    assert (found.blocks_per_sm, found.limit) == (0, limit)


@pytest.mark.parametrize(("registers", "share"), [(32, 1.0), (64, 0.5), (65, 0.375)])
def test_the_share_of_an_sm_s_warps_is_the_theoretical_occupancy(registers, share):
    assert occupancy(256, registers, 0, V100).share(V100) == share


@pytest.mark.parametrize(("blocks", "waves"), [(640, 1.0), (641, 641 / 640), (80, 0.125)])
def test_waves_are_rounds_of_blocks_that_fill_the_gpu(blocks, waves):
    assert occupancy(256, 32, 0, V100).waves(blocks, V100) == waves
