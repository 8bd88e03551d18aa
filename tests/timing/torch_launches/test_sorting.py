"""Which kernels sort, choose and count, by the length and the number of rows."""

import pytest
import torch

ARANGE = "elementwise_kernel_with_index"
FILLED = [ARANGE, "direct_copy_kernel_cuda", "Memcpy DtoD"]  # indices, and the values that are sorted in place
ONE_SWEEP = ["Memset", "DeviceRadixSortOnesweepKernel"]


def radix(passes):
    return [
        "Memset",
        "Memset",
        "DeviceRadixSortHistogramKernel",
        "DeviceRadixSortExclusiveSumKernel",
        *ONE_SWEEP * passes,
    ]


@pytest.mark.parametrize(
    ("row", "kernels"),
    [
        (1, []), (32, ["bitonicSortKVInPlace"]), (33, ["warpMergeSortKVInPlace"]), (128, ["warpMergeSortKVInPlace"]),
        (129, ["radixSortKVInPlace"]), (4096, ["radixSortKVInPlace"]),
    ],
)  # fmt: skip
def test_short_rows_are_sorted_in_place_by_one_kernel(names, meta, row, kernels):
    assert names(torch.sort, meta(8, row))[-1 - len(kernels) :] == [FILLED[-1], *kernels]


def test_a_stable_sort_does_not_use_the_bitonic_one(names, meta):
    assert names(lambda: torch.sort(meta(8, 16), stable=True))[-1] == "warpMergeSortKVInPlace"


def test_one_long_row_is_sorted_by_eight_bits_a_pass(names, meta):
    assert names(torch.sort, meta(5000)) == ["fill_reverse_indices_kernel", *radix(4)]
    assert names(torch.sort, meta(5000, dtype=torch.float16)) == ["fill_reverse_indices_kernel", *radix(2)]


def test_a_few_long_rows_are_sorted_at_once_then_by_row(names, meta):
    expected = ["fill_index_and_segment_kernel", *radix(4), *radix(1), "sort_postprocess_kernel"]
    assert names(torch.sort, meta(127, 5000)) == expected


def test_many_long_rows_are_segments(names, meta):
    found = names(torch.sort, meta(128, 5000))
    assert found == ["fill_reverse_indices_kernel", *["DeviceSegmentedRadixSortKernel"] * 6]


def test_long_columns_are_copied_to_rows_and_back(names, meta):
    found = names(lambda: torch.sort(meta(5000, 4), 0))
    assert found[0] == "direct_copy_kernel_cuda"
    assert found[-2:] == ["direct_copy_kernel_cuda"] * 2


def test_before_ampere_halves_are_sorted_in_three_kernels_a_pass(names, meta):
    found = names(torch.sort, meta(50_000, dtype=torch.float16), gpu="T4")
    passes = ["DeviceRadixSortUpsweepKernel", "RadixSortScanBinsKernel", "DeviceRadixSortDownsweepKernel"]
    assert found == ["fill_reverse_indices_kernel", *passes * 3]


@pytest.mark.parametrize(
    ("rows", "row", "first"),
    [
        (20, 19_999, "gatherTopK"), (20, 20_000, "Memset"), (21, 10_000, "Memset"), (81, 4_999, "gatherTopK"),
        (200, 3_000, "Memset"), (4_000, 799, "gatherTopK"), (4_001, 400, "Memset"),
    ],
)  # fmt: skip
def test_top_k_takes_several_blocks_a_row_where_rows_are_long_or_few(names, meta, rows, row, first):
    assert names(lambda: torch.topk(meta(rows, row), 1))[0] == first


def test_top_k_with_several_blocks_goes_by_eight_bits(names, meta):
    passes = ["computeBlockDigitCounts", "computeDigitCumSum", "computeBlockwiseWithinKCounts"]
    scans = ["DeviceScanByKeyInitKernel", "DeviceScanByKeyKernel"]
    expected = ["Memset", "fill", "Memset", *passes * 4, "computeBlockwiseKthCounts", *scans * 2, "gatherTopK"]
    assert names(lambda: torch.topk(meta(8, 50257), 1, sorted=False)) == expected


@pytest.mark.parametrize(
    ("k", "after"),
    [(1, []), (5, ["bitonicSortKVInPlace"]), (50, ["warpMergeSortKVInPlace"]), (200, ["radixSortKVInPlace"])],
)
def test_top_k_sorts_what_it_found(names, meta, k, after):
    assert names(lambda: torch.topk(meta(4, 1000), k)) == ["gatherTopK", *after]


def test_top_k_of_more_than_the_small_sort_takes_sorts_apart(names, meta):
    found = names(lambda: torch.topk(meta(2, 9000), 4097))
    assert found[0] == "gatherTopK"
    assert "sort_postprocess_kernel" in found
    assert found[-2:] == ["Memcpy DtoD", "Memcpy DtoD"]


def test_top_k_of_a_transposed_tensor_makes_it_contiguous(names, meta):
    assert names(lambda: torch.topk(meta(1000, 4).t(), 1)) == ["direct_copy_kernel_cuda", "gatherTopK"]


def test_unique_waits_for_the_number_of_values(names):
    found = names(lambda: torch.randint(0, 9, (100_000,)).unique(return_inverse=True, return_counts=True))[1:]
    assert found[0] == ARANGE
    numbered = ["adjacent_difference_kernel", "DeviceScanInitKernel", "DeviceScanKernel", "inverse_indices_kernel"]
    assert found[1:-3] == [*radix(8), *numbered]
    assert found[-3:] == ["DeviceCompactInitKernel", "DeviceReduceByKeyKernel", "Memcpy DtoH"]


def test_bincount_reads_both_ends_then_counts(names):
    found = names(lambda x: x.bincount(), torch.tensor([1, 2, 2]))
    assert found == ["reduce_kernel", "Memcpy DtoH", "reduce_kernel", "Memcpy DtoH", "FillFunctor", "kernelHistogram1D"]


def test_a_histogram_with_bounds_reads_nothing(names):
    assert names(lambda x: x.histc(4, 0, 1), torch.rand(8)) == ["FillFunctor", "kernelHistogram1D"]


def test_searches_are_one_kernel(names):
    assert names(torch.bucketize, torch.rand(8), torch.arange(4.0)) == ["searchsorted_cuda_kernel"]
