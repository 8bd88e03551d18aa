"""What Nsight Compute showed on a GPU, as published: the vgpu counts the same."""

from __future__ import annotations

import pytest

from tests.vgpu.counters.conftest import words


@pytest.mark.parametrize(
    ("kernel", "sectors_per_request"),
    [("matmul_row_by_column", 2.5), ("matmul_row_by_row", 1), ("matmul_column_by_column", 4)],
)
def test_sectors_per_request_of_a_matrix_product(count, kernel, sectors_per_request):
    """NVIDIA developer forum 169185 (2021), blocks of 32 x 16: Global Load, Sectors/Req."""
    arrays = [words(64 * 64, "int32") for _ in range(3)]
    c = count(kernel, *arrays, 64, grid=(2, 4), block=(32, 16))
    assert c.sectors_read / c.load_requests == sectors_per_request


def test_conflicts_of_a_transpose_of_doubles(count):
    """NVIDIA developer forum 217015 (2022), 4096 x 4096 doubles in tiles of 32 x 32, here 128 x 128.

    Nsight Compute: 8 sectors a request both ways; of 524,288 requests 1,048,664 wavefronts of loads (2.0 each) and
    17,061,038 of stores (32.5 each; the counter is of hardware events, a few per cent above what the pattern needs).
    """
    c = count("transpose_doubles", words(128 * 128, "float64"), words(128 * 128, "float64"), 128,
              grid=(4, 4), block=(32, 32))  # fmt: skip
    assert c.sectors_read / c.load_requests == c.sectors_written / c.store_requests == 8
    assert c.shared_load_wavefronts / c.shared_load_requests == pytest.approx(1_048_664 / 524_288, rel=1e-3)
    assert c.shared_store_wavefronts / c.shared_store_requests == pytest.approx(17_061_038 / 524_288, rel=0.02)
    assert c.shared_load_wavefronts == c.shared_load_ideal_wavefronts


@pytest.mark.parametrize(("stride", "wavefronts", "conflicts"), [(8, 283_023_360, 247_645_440), (1, 35_377_920, 0)])
def test_wavefronts_of_128_bit_loads(count, stride, wavefronts, conflicts):
    """NVIDIA developer forum 359822 (2026): LDS.128, 8,844,480 instructions, in a bad layout and in a good one."""
    c = count("read_shared_128", words(32 * 16, "uint8"), stride, 1, block=(32,), shared=32768)
    assert c.shared_load_wavefronts == wavefronts / 8_844_480
    assert c.shared_load_wavefronts - c.shared_load_ideal_wavefronts == conflicts / 8_844_480
