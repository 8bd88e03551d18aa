"""Copies that go on while threads compute, what waits for them, and the standard library on the device."""

import math

import numpy as np

from tests.vgpu.programs.build import compiled


def integers(shape, seed):
    return np.random.default_rng(seed).integers(-100, 100, shape, dtype=np.int32)


@compiled("pipelines", "sm_75", "sm_80", "sm_90")
def test_threads_copy_two_batches_ahead(program):
    values = np.random.default_rng(1).standard_normal((3, 7, 64), dtype=np.float32)
    out = np.zeros((3, 64), np.float32)
    program.launch("of_threads", 3, 64, out, values, 7)
    weights = 0.5 ** np.arange(6, -1, -1)
    np.testing.assert_allclose(out, np.einsum("kbt,b->kt", values[:, :, ::-1], weights), rtol=1e-5, atol=1e-6)


@compiled("pipelines", "sm_75", "sm_80", "sm_90")
def test_a_block_shares_a_pipeline(program):
    values, out = integers((5, 128), 2), np.zeros(128, np.int32)
    program.launch("of_a_block", 1, 128, out, values, 5)
    t = np.arange(128)
    np.testing.assert_array_equal(out, sum(values[b, (t * 7 + b) % 128] * (b + 1) for b in range(5)))


@compiled("pipelines", "sm_75", "sm_80", "sm_90")
def test_one_warp_copies_what_others_use(program):
    values, out = integers((6, 32), 3), np.zeros(96, np.int32)
    program.launch("of_roles", 1, 96, out, values, 6)
    i, t = np.arange(32), np.arange(96)
    expected = (values.sum(0) * (i ^ t[:, None])).sum(1)
    np.testing.assert_array_equal(out, np.where(t < 32, 0, expected))


@compiled("pipelines", "sm_75", "sm_80", "sm_90")
def test_copies_fill_with_zeros_and_groups_wait(program):
    values, letters, out = np.random.default_rng(4).uniform(size=64), integers(64, 5).astype(np.int8), np.zeros(64)
    program.launch("primitives", 1, 64, out, values, letters, 40)
    kept = np.where(np.arange(64) < 40, values, 0)
    np.testing.assert_array_equal(out, kept[::-1] + letters)


@compiled("barriers", "sm_75", "sm_80", "sm_90")
def test_a_barrier_is_arrived_at_before_it_is_waited_for(program):
    out = np.zeros(64, np.int32)
    program.launch("split", 1, 64, out, 9)
    assert out.tolist() == [sum((63 - t) * r + (t ^ r) for r in range(9)) for t in range(64)]


@compiled("barriers", "sm_75", "sm_80", "sm_90")
def test_producers_and_consumers_meet_at_barriers(program):
    out = np.zeros(64, np.int32)
    program.launch("producers", 1, 96, out, 7)
    assert out.tolist() == [sum(i + r * 100 for r in range(7) for i in range(32))] * 64


@compiled("barriers", "sm_75", "sm_80", "sm_90")
def test_copies_arrive_at_a_barrier(program):
    values = np.random.default_rng(6).standard_normal((2, 256), dtype=np.float32)
    out = np.zeros_like(values)
    program.launch("copies", 2, 64, out, values)
    np.testing.assert_array_equal(out, values[:, ::-1] * 2)


@compiled("barriers", "sm_75", "sm_80")
def test_a_latch_opens_once_for_all(program):
    out = np.zeros(96, np.int32)
    program.launch("latches", 1, 96, out)
    assert out.tolist() == [(95 - t) * 3 for t in range(96)]


@compiled("barriers", "sm_75", "sm_80", "sm_90")
def test_a_semaphore_lets_two_threads_in(program):
    inside, most, total = (np.zeros(1, np.int32) for _ in range(3))
    program.launch("semaphores", 1, 128, inside, most, total)
    assert (inside[0], total[0]) == (0, sum(range(0, 128, 8)))
    assert 1 <= most[0] <= 2


@compiled("standard_library", "sm_75", "sm_80")
def test_values_of_the_standard_library(program):
    out = np.zeros((100, 8), np.float32)
    program.launch("values", 2, 64, out, 100)
    for i, row in enumerate(out):
        z = complex(np.float32(i * 0.1), 1)
        w = z * z + (0.5 - 0.25j) / z
        choice = (i * 10, i * 0.25, i + 7)[i % 3]
        expected = [i // 3 + i * 0.5 - i, -1 if i % 2 else i // 2, 10 + 10 * i, choice, w.real, w.imag]
        expected += [i.bit_count() + 100 * (32 - (i | 1).bit_length()), math.gcd(i, 36)]
        np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-6)


@compiled("standard_library", "sm_80", "debug")
def test_views_of_the_standard_library(program):
    data = np.zeros((9, 23), np.int32)
    program.launch("views", 1, (8, 4), data, 9, 23)
    expected = np.arange(9)[:, None] * 1000 + np.arange(23)
    expected[0] += 22
    np.testing.assert_array_equal(data, expected)
