"""Wavefronts and bank conflicts of shared memory: worked out by hand."""

from __future__ import annotations

import pytest

from tests.vgpu.counters.conftest import words


def wavefronts(counters):
    """Of one load: taken, ideal."""
    requests = counters.shared_load_requests
    return counters.shared_load_wavefronts / requests, counters.shared_load_ideal_wavefronts / requests


def transposed(count, columns):
    return count(f"transpose_tile_{columns}", words(64 * 64), words(64 * 64), 64, grid=(2, 2), block=(32, 32))


def test_a_column_of_a_tile_of_32_conflicts_32_ways(count):
    c = transposed(count, 32)
    assert wavefronts(c) == (32, 1)
    assert c.shared_store_wavefronts == c.shared_store_requests == c.shared_store_ideal_wavefronts
    assert c.wavefronts - c.ideal_wavefronts == 31 * c.shared_load_requests


def test_a_column_of_a_padded_tile_has_no_conflicts(count):
    c = transposed(count, 33)
    assert wavefronts(c) == (1, 1)
    assert c.wavefronts == c.ideal_wavefronts == c.shared_requests


@pytest.mark.parametrize(
    ("bits", "stride", "divide", "taken", "ideal"),
    [
        (8, 1, 1, 1, 1),  # four lanes to a word
        (8, 4, 1, 1, 1),
        (8, 128, 1, 32, 1),
        (32, 1, 1, 1, 1),
        (32, 2, 1, 2, 1),
        (32, 3, 1, 1, 1),  # odd strides meet every bank
        (32, 8, 1, 8, 1),
        (32, 32, 1, 32, 1),
        (32, 32, 4, 8, 1),  # four lanes share each of eight words
        (32, 0, 1, 1, 1),  # one word for all
        (64, 1, 1, 2, 2),  # 128 bytes a pass
        (64, 2, 1, 4, 2),
        (64, 16, 1, 32, 2),
        (64, 16, 2, 16, 1),  # pairs of lanes with one address: the whole warp at a time
        (64, 0, 1, 1, 1),
        (128, 1, 1, 4, 4),
        (128, 2, 1, 8, 4),
        (128, 8, 1, 32, 4),
        (128, 1, 2, 2, 2),
        (128, 0, 1, 2, 2),  # NVIDIA, forum 77228: four requests become two
    ],
)
def test_wavefronts_follow_width_and_stride(count, bits, stride, divide, taken, ideal):
    out = words(32 * bits // 8, "uint8")
    c = count(f"read_shared_{bits}", out, stride, divide, block=(32,), shared=32768)
    assert c.shared_load_requests == 1
    assert wavefronts(c) == (taken, ideal)


def test_stores_of_pairs_do_not_go_together(count):
    c = count("write_shared_64", words(64, "float64"), 16, 2, block=(32,), shared=8192)
    assert (c.shared_store_wavefronts, c.shared_store_ideal_wavefronts) == (16, 2)


@pytest.mark.parametrize(("stride", "taken"), [(1, 1), (2, 2), (0, 32), (32, 32)])
def test_atomics_on_one_bank_come_one_after_another(count, stride, taken):
    c = count("add_shared", words(32, "int32"), stride, block=(32,))
    assert (c.shared_atomics, c.shared_atomic_wavefronts, c.shared_atomic_ideal_wavefronts) == (1, taken, 1)
    assert (c.shared_load_requests, c.shared_store_requests) == (1, 1)
    assert c.atomics == c.reductions == 0  # those are of global memory
