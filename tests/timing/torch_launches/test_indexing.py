"""Gathers, scatters and indices: what is vectorised, what is copied first, and where the host waits."""

import pytest
import torch
import torch.nn.functional as F

NONZERO = [
    "DeviceReduceKernel",
    "DeviceReduceSingleTileKernel",
    "Memcpy DtoH",
    "DeviceCompactInitKernel",
    "DeviceSelectSweepKernel",
]
FEW = NONZERO[1:]


@pytest.mark.parametrize(
    ("indices", "columns", "kernel"),
    [
        (16, 64, "indexSelectSmallIndex"), (17, 64, "vectorized_gather_kernel"), (17, 4, "vectorized_gather_kernel"),
        (17, 5, "_scatter_gather_elementwise_kernel"), (17, 1, "_scatter_gather_elementwise_kernel"),
    ],
)  # fmt: skip
def test_rows_are_selected_by_their_number_and_their_alignment(names, indices, columns, kernel):
    index = torch.zeros(indices, dtype=torch.long)
    assert names(lambda x: x.index_select(0, index), torch.zeros(8, columns)) == [kernel]
    assert names(F.embedding, index, torch.zeros(8, columns)) == [kernel]


def test_columns_are_selected_an_element_a_thread(names):
    index = torch.zeros(20, dtype=torch.long)
    assert names(lambda x: x.index_select(1, index), torch.zeros(8, 64)) == ["_scatter_gather_elementwise_kernel"]


def test_an_expanded_index_gathers_whole_rows(names):
    index = torch.zeros(20, 1, dtype=torch.long).expand(20, 64)
    assert names(lambda x: x.gather(0, index), torch.zeros(32, 64)) == ["vectorized_gather_kernel"]
    assert names(lambda x: x.gather(0, index.clone()), torch.zeros(32, 64))[-1] == "_scatter_gather_elementwise_kernel"


def test_scatter_copies_its_input_unless_it_is_in_place(names):
    x, index = torch.zeros(8, 64), torch.zeros(8, 1, dtype=torch.long)
    scatter = "_scatter_gather_elementwise_kernel"
    assert names(lambda: x.scatter(1, index, x)) == ["Memcpy DtoD", scatter]
    assert names(lambda: x.scatter_(1, index, 1.0)) == [scatter]
    assert names(lambda: x.scatter_add_(1, index, torch.empty_like(x))) == [scatter]


def test_an_index_over_rows_is_a_gather_and_others_are_not(names):
    x, index = torch.zeros(32, 64), torch.zeros(20, dtype=torch.long)
    assert names(lambda: x[index]) == ["vectorized_gather_kernel"]
    assert names(lambda: x[index, index]) == ["index_kernel_impl"]


def test_a_mask_is_counted_by_the_host_first(names):
    mask = torch.ones(100, 100, dtype=torch.bool)
    assert names(mask.nonzero) == [*NONZERO, "write_indices"]
    assert names(lambda x: x[mask], torch.zeros(100, 100)) == [*NONZERO, "write_indices", "index_kernel_impl"]
    assert names(torch.masked_select, torch.zeros(100, 100), mask)[-2:] == ["write_indices", "index_kernel_impl"]


def test_a_small_mask_is_counted_by_one_block(names):
    assert names(torch.ones(8, dtype=torch.bool).nonzero) == FEW


def test_nonzero_waits(launched):
    waited = launched(torch.ones(8, dtype=torch.bool).nonzero)
    copy = next(index for index, each in enumerate(waited) if each.kind == "memcpy")
    assert waited[copy + 1].submitted > waited[copy].end


def test_one_value_behind_a_mask_is_a_masked_fill(names):
    x, mask = torch.zeros(8, 8), torch.ones(8, 8, dtype=torch.bool)
    value = torch.tensor(1.0)
    assert names(lambda: x.index_put_((mask,), value)) == ["Memcpy DtoH", "masked_fill_kernel"]


def test_values_behind_an_index_are_one_kernel(names):
    x, index, values = torch.zeros(8, 8), torch.tensor([1, 2]), torch.ones(2, 8)
    assert names(lambda: x.index_put_((index,), values)) == ["index_put_kernel_impl"]


@pytest.mark.parametrize(("columns", "kernel"), [(None, "_stride_1"), (32, "_small_stride"), (33, "")])
def test_accumulating_sorts_the_indices(names, columns, kernel):
    shape = (8,) if columns is None else (8, columns)
    x, index, value = torch.zeros(shape), torch.zeros(5000, dtype=torch.long), torch.ones(5000, *shape[1:])
    found = names(lambda: x.index_put_((index,), value, accumulate=True))
    linear = ["remainder_kernel_cuda", "MulFunctor", "div_floor_kernel_cuda", "elementwise_kernel_with_index"]
    assert found[:4] == linear
    assert found[-1] == f"indexing_backward_kernel{kernel}"


@pytest.mark.parametrize(("count", "scaled", "kernels"), [(3072, False, 2), (3073, False, 31), (100, True, 16)])
def test_the_gradient_of_an_embedding_sorts_many_indices(names, count, scaled, kernels):
    gradient, indices = torch.zeros(count, 8), torch.zeros(count, dtype=torch.long)
    found = names(lambda: torch.ops.aten.embedding_dense_backward(gradient, indices, 50, -1, scaled))
    assert len(found) == kernels
    assert found[-1] == ("embedding_backward_feature_kernel" if kernels == 2 else "sum_and_scatter")


def test_repetitions_by_a_tensor_are_added_up_and_read(names):
    found = names(lambda repeats: torch.repeat_interleave(repeats), torch.tensor([1, 2, 3]))
    assert found == ["DeviceScanInitKernel", "DeviceScanKernel", "Memcpy DtoH", "compute_cuda_kernel"]
    found = names(lambda repeats: torch.repeat_interleave(repeats, output_size=6), torch.tensor([1, 2, 3]))
    assert "Memcpy DtoH" not in found


@pytest.mark.parametrize(
    ("parts", "kernel"),
    [
        ([(4, 8), (4, 8)], "CatArrayBatchedCopy_vectorized"), ([(4, 7), (4, 8)], "CatArrayBatchedCopy_alignedK_contig"),
    ],
)  # fmt: skip
def test_a_concatenation_is_as_wide_as_its_slices_are_aligned(names, parts, kernel):
    assert names(lambda: torch.cat([torch.empty(shape) for shape in parts], 1)) == [kernel]


def test_concatenations_of_many_or_strided_or_mixed_tensors(names):
    x = torch.empty(4, 8)
    assert names(torch.cat, [x] * 129) == ["CatArrayBatchedCopy_vectorized"] * 2
    assert names(torch.cat, [x.t(), x.t()]) == ["CatArrayBatchedCopy"]
    assert names(torch.cat, [x, x.half()]) == ["Memcpy DtoD", "direct_copy_kernel_cuda"]
    assert names(torch.cat, [x]) == ["Memcpy DtoD"]
    assert names(torch.cat, [torch.empty(4, 9, dtype=torch.bool)] * 2) == ["CatArrayBatchedCopy_contig"]


def test_a_number_that_is_assigned_stays_on_the_host(names, meta):
    def assigned(index, value=0):
        return names(lambda target: target.__setitem__(index, value), meta(64, 128))

    mask = meta(64, 128, dtype=torch.bool)
    assert assigned(mask) == assigned(mask[:, 0], 2.5) == ["masked_fill_kernel"]
    assert assigned(3) == assigned((slice(2), None, 4)) == assigned(...) == ["FillFunctor"]
    assert assigned((3, 5)) == ["Memcpy HtoD"]
    assert assigned(slice(7, 7)) == []


def test_a_number_behind_indices_is_uploaded(names):
    rows = torch.arange(9)
    assert names(lambda target: target.__setitem__(rows, 1.5), torch.zeros(64, 128)) == [
        "Memcpy HtoD",
        "index_put_kernel_impl",
    ]
