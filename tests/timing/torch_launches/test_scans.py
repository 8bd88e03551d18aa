"""Prefix scans: one row is CUB's, rows and columns have kernels of their own."""

import pytest
import torch


def test_one_row_is_scanned_by_cub(names, meta):
    assert names(lambda: meta(1000).cumsum(0)) == ["DeviceScanInitKernel", "DeviceScanKernel"]
    assert names(lambda: meta(1, 1000).cumsum(1)) == ["DeviceScanInitKernel", "DeviceScanKernel"]


@pytest.mark.parametrize("scan", ["cumsum", "cumprod", "logcumsumexp"])
def test_rows_and_columns_are_one_kernel(names, meta, scan):
    assert names(lambda: getattr(meta(8, 100), scan)(-1)) == ["tensor_kernel_scan_innermost_dim"]
    assert names(lambda: getattr(meta(8, 100), scan)(0)) == ["tensor_kernel_scan_outer_dim"]


def test_a_running_maximum_has_indices_too(names, meta):
    assert names(lambda: meta(8, 100).cummax(-1)) == ["tensor_kernel_scan_innermost_dim_with_indices"]


def test_a_mask_is_cast_before_it_is_summed(names, meta):
    found = names(lambda: meta(8, 100, dtype=torch.bool).cumsum(-1))
    assert found == ["direct_copy_kernel_cuda", "tensor_kernel_scan_innermost_dim"]


@pytest.mark.parametrize(
    ("rows", "row", "block"), [(8, 50257, (512, 1, 1)), (100_000, 4, (16, 32, 1)), (1000, 1000, (16, 32, 1))]
)
def test_threads_are_shared_between_the_rows_and_along_them(launched, meta, rows, row, block):
    (kernel,) = launched(lambda: meta(rows, row).cumsum(-1))
    assert kernel.block == block
