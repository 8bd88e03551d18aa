"""Operators that put in order: sort, top-k, k-th value, unique, histograms, searches.

Read from aten/src/ATen/native/cuda/: Sort.cpp and Sort.cu (rows of up to 4,096 are sorted by one kernel, in place),
SortStable.cu (longer ones by CUB), TensorTopK.cpp and TensorTopK.cu (one block a row or several, by
should_use_multiblock), UniqueCub.cu, SummaryOps.cu.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log2
from typing import Any

import torch

from harness.timing.torch_launches import cub, movement, pointwise
from harness.timing.torch_launches.composed import composed, launches_of
from harness.timing.torch_launches.functors import COPY, FILL
from harness.timing.torch_launches.launch import Launch, Memset
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Rule
from harness.timing.torch_launches.sweep import nbytes, sweep
from harness.vgpu.gpus import Gpu

_CUDA = "aten/src/ATen/native/cuda/"
_SMALL = 4096  # should_use_small_sort
_BITONIC, _WARP_MERGE = 32, 128  # sortKeyValueInplace
_LARGE_SEGMENT, _FEW_SEGMENTS = 1_000_000, 128  # do_launch_stable_sort_kernel
_RADIX_BITS = 8
# should_use_multiblock: up to so many rows, rows of at least so many elements
_MULTIBLOCK = ((20, 20_000), (40, 10_000), (80, 8_000), (199, 5_000), (799, 3_000), (4000, 800))
_MULTIBLOCK_MANY_ROWS = 400
_TOPK_BLOCK, _TOPK_ITEMS = 256, (4, 64)


def rules() -> dict[str, Rule]:
    return {
        "sort": Rule(_sort, _CUDA + "Sort.cpp"),
        "topk": Rule(_topk, _CUDA + "TensorTopK.cpp"),
        "kthvalue": Rule(_rank("gatherKthValue"), _CUDA + "Sorting.cpp"),
        "median": Rule(_median, _CUDA + "Sorting.cpp"),
        "nanmedian": Rule(_median, _CUDA + "Sorting.cpp"),
        "_unique2": Rule(_unique, _CUDA + "UniqueCub.cu"),
        "_unique": Rule(_unique, _CUDA + "UniqueCub.cu"),
        "unique_consecutive": Rule(_unique, _CUDA + "UniqueCub.cu"),
        "bincount": Rule(_bincount, _CUDA + "SummaryOps.cu"),
        "histc": Rule(_histc, _CUDA + "SummaryOps.cu"),
        "searchsorted": Rule(_search, _CUDA + "Bucketization.cu", form="searchsorted_cuda_kernel"),
        "bucketize": Rule(_search, _CUDA + "Bucketization.cu", form="searchsorted_cuda_kernel"),
        "isin": Rule(composed(_isin), "aten/src/ATen/native/TensorCompare.cpp"),
    }


def sort_in_place(keys: torch.Tensor, row: int, *, stable: bool) -> list[Launch]:
    """sortKeyValueInplace: values and indices of one row by a thread, a warp or a block."""
    if row <= 1 or keys.numel() == 0:
        return []
    rows = keys.numel() // row
    if row <= _BITONIC and not stable:
        name, grid, block = "bitonicSortKVInPlace", ceil(rows / 16), (16, 16, 1)
    elif row <= _WARP_MERGE:
        name, grid, block = "warpMergeSortKVInPlace", ceil(rows / 16), (32, 16, 1)
    else:
        name, grid, block = "radixSortKVInPlace", rows, (min(1024, max(32, row // 4)), 1, 1)
    moved = keys.numel() * (keys.element_size() + 8)
    steps = 4 * ceil(log2(row)) if row <= _WARP_MERGE else 10 * keys.element_size()
    return sweep(name, keys.numel(), read=moved, written=moved, integers=steps, grid=(grid, 1, 1), block=block)


def _sort(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """sort_cuda_kernel."""
    source, (values, indices) = call["self"], call.outputs
    if source.numel() == 0:
        return []
    if source.dim() == 0:
        zeroed = pointwise.kernel(FILL, indices, [], gpu)
        return [*movement.copied(source, values, gpu), *zeroed]
    axis, stable = call["dim"] % source.dim(), bool(call.arguments.get("stable"))
    row = source.size(axis)
    if row <= _SMALL:
        numbers = torch.empty(row, dtype=torch.long, device="meta")
        shape = [row if index == axis else 1 for index in range(source.dim())]
        return [
            *sweep("elementwise_kernel_with_index<arange>", row, written=nbytes(numbers), integers=2, each=1),
            *pointwise.kernel(COPY, indices, [numbers.view(shape)], gpu),
            *movement.copied(source, values, gpu),
            *sort_in_place(values, row, stable=stable),
        ]
    return _sort_long_rows(source, values, indices, axis, gpu)


def _sort_long_rows(
    source: torch.Tensor, values: torch.Tensor, indices: torch.Tensor, axis: int, gpu: Gpu
) -> list[Launch]:
    """CUB sorts rows that lie along the last axis; others are copied there and back."""
    along = source.stride(axis) == 1 and source.is_contiguous()
    dense = torch.empty_like(source.movedim(axis, -1), device="meta", memory_format=torch.contiguous_format)
    before = [] if along else pointwise.kernel(COPY, dense, [source.movedim(axis, -1)], gpu)
    after = []
    if not along:
        back = torch.empty(dense.shape, dtype=torch.long, device="meta")
        after = [
            *pointwise.kernel(COPY, values.movedim(axis, -1), [dense], gpu),
            *pointwise.kernel(COPY, indices.movedim(axis, -1), [back], gpu),
        ]
    return [*before, *_stable_sort(dense, gpu), *after]


def _stable_sort(rows: torch.Tensor, gpu: Gpu) -> list[Launch]:
    """do_launch_stable_sort_kernel: each row alone, all at once with their number as a second key, or by segment."""
    row, item = rows.size(-1), rows.element_size()
    segments, items = rows.numel() // row, rows.numel()
    if segments == 1 or row >= _LARGE_SEGMENT:
        first = sweep("fill_reverse_indices_kernel", row, written=8 * row, each=1)
        return [*first, *cub.radix_sort(row, item, 8, gpu) * segments]
    if segments < _FEW_SEGMENTS:
        return [
            *sweep("fill_index_and_segment_kernel", items, written=8 * items, each=1),
            *cub.radix_sort(items, item, 8, gpu),
            *cub.radix_sort(items, 8, 0, gpu, bits=max(1, ceil(log2(segments)))),
            *sweep("sort_postprocess_kernel", items, read=items * (item + 8), written=items * (item + 8), each=1),
        ]
    first = sweep("fill_reverse_indices_kernel", items, written=8 * items, each=1)
    return [*first, *cub.segmented_sort(items, segments, item, 8)]


def _topk(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """The k-th value by digits, then all beyond it; sorted afterwards, unless that is not wanted."""
    source, k = call["self"], call["k"]
    values, indices = call.outputs
    if k == 0 or source.numel() == 0:
        return []
    axis = call["dim"] % max(source.dim(), 1)
    row = source.size(axis) if source.dim() else 1
    rows = source.numel() // row
    several = _is_multiblock(rows, row)
    chosen = _many_blocks(source, values, rows, row, gpu) if several else _one_block(source, values, rows, row)
    after: list[Launch] = []
    if call["sorted"] and values.numel() > 1:
        small = k <= _SMALL
        after = sort_in_place(values, k, stable=False) if small else _sorted_apart(values, indices, call, gpu)
    return [*movement.made_contiguous(source, gpu), *chosen, *after]


def _is_multiblock(rows: int, row: int) -> bool:
    for most_rows, shortest in _MULTIBLOCK:
        if rows <= most_rows:
            return row >= shortest
    return row >= _MULTIBLOCK_MANY_ROWS


def _one_block(source: torch.Tensor, values: torch.Tensor, rows: int, row: int) -> list[Launch]:
    block = (min(32 * ceil(row / 32), 1024), 1, 1)
    written = values.numel() * (values.element_size() + 8)
    return sweep(
        "gatherTopK", source.numel(), read=nbytes(source), written=written, integers=12 * source.element_size(),
        grid=(rows, 1, 1), block=block,
    )  # fmt: skip


def _many_blocks(source: torch.Tensor, values: torch.Tensor, rows: int, row: int, gpu: Gpu) -> list[Launch]:
    """mbtopk::launch: for each eight bits of the value three kernels, then where each block writes."""
    items = source.numel()
    fewest, most = _TOPK_ITEMS
    resident = gpu.sms * min(gpu.threads_per_sm // _TOPK_BLOCK, 8)
    each = max(fewest, min(ceil(items / (resident * _TOPK_BLOCK)), most))
    blocks = rows * ceil(row / (each * _TOPK_BLOCK))
    grid, block = (blocks, 1, 1), (_TOPK_BLOCK, 1, 1)
    counts = 2 * 256 * blocks
    one_pass = [
        *sweep(
            "computeBlockDigitCounts", items, read=nbytes(source), written=counts, integers=8, grid=grid, block=block
        ),
        *sweep("computeDigitCumSum", 256 * rows, read=counts, written=1024 * rows, grid=(rows, 1, 1), block=block),
        *sweep("computeBlockwiseWithinKCounts", 256 * blocks, read=counts, written=4 * blocks, grid=grid, block=block),
    ]
    passes = 8 * source.element_size() // _RADIX_BITS
    written = values.numel() * (values.element_size() + 8)
    return [
        Memset(4 * rows),
        *sweep("fill", rows, written=4 * rows, block=(512, 1, 1), each=1),
        Memset(4 * blocks),
        *one_pass * passes,
        *sweep("computeBlockwiseKthCounts", rows, read=4 * rows, written=4 * blocks, block=block, each=1),
        *cub.scan(blocks, 4 * blocks, 4 * blocks, by_key=True) * 2,
        *sweep("gatherTopK", items, read=nbytes(source), written=written, integers=10, grid=grid, block=block),
    ]


def _sorted_apart(values: torch.Tensor, indices: torch.Tensor, call: OperatorCall, gpu: Gpu) -> list[Launch]:
    """More than 4,096 values: sorted by sort(), and the indices gathered by its own."""
    v, i = (torch.empty(tensor.shape, dtype=tensor.dtype, device="meta") for tensor in (values, indices))

    def steps() -> None:
        _, order = v.sort(call["dim"], call["largest"])
        i.copy_(i.gather(call["dim"], order))
        v.copy_(torch.empty_like(v))

    return launches_of(steps, gpu)


def _rank(name: str) -> Any:
    def launches(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
        source = call["self"]
        axis = call["dim"] % max(source.dim(), 1)
        row = source.size(axis) if source.dim() else 1
        grid, block = (source.numel() // max(row, 1), 1, 1), (min(32 * ceil(row / 32), 1024), 1, 1)
        digits = 12 * source.element_size()
        kernel = sweep(
            name,
            source.numel(),
            read=nbytes(source),
            written=nbytes(*call.outputs),
            integers=digits,
            grid=grid,
            block=block,
        )
        return [*movement.made_contiguous(source, gpu), *kernel]

    return launches


def _median(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """Along an axis the value in the middle is searched by digits; of all values it is the sorted ones' middle."""
    if "dim" in call.arguments:
        return _rank("gatherMedian")(call, gpu)
    source = call["self"]
    return [
        *cub.radix_sort(source.numel(), source.element_size(), 0, gpu),
        *movement.copied(call.output, call.output, gpu),
    ]


def _unique(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """unique_cuda_template: sort; number the runs where they are asked for; encode them; wait for their count."""
    source, item, items = call["self"], call["self"].element_size(), call["self"].numel()
    if items == 0:
        return []
    consecutive = call.name == "unique_consecutive"
    inverse, counts = call["return_inverse"], bool(call.arguments.get("return_counts"))
    numbers = torch.empty(items, dtype=torch.long, device="meta")
    numbered = sweep("elementwise_kernel_with_index<arange>", items, written=8 * items, integers=2, each=1)
    before: list[Launch] = []
    if not consecutive:
        before = [*(numbered if inverse else []), *cub.radix_sort(items, item, 8 if inverse else 0, gpu)]
    if inverse:
        before += [
            *sweep("adjacent_difference_kernel", items, read=2 * items * item, written=8 * items, each=1),
            *cub.scan(items, 8 * items, 8 * items),
            *sweep("inverse_indices_kernel", items, read=16 * items, written=8 * items, each=1),
        ]
    runs = cub.encode if counts else cub.select
    wait = launches_of(lambda: numbers[0].item(), gpu)
    return [*movement.made_contiguous(source, gpu), *before, *runs(items, items * item, nbytes(call.output)), *wait]


def _bincount(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """The host reads the least and the largest value, then one kernel counts into zeroed bins."""
    source = torch.empty(call["self"].shape, dtype=call["self"].dtype, device="meta")
    bins = torch.empty(call.output.shape, dtype=call.output.dtype, device="meta")

    def steps() -> None:
        source.min().item()
        source.max().item()
        bins.zero_()

    return [*launches_of(steps, gpu), *_histogram(call)] if source.numel() else launches_of(bins.zero_, gpu)


def _histc(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    source = torch.empty(call["self"].shape, dtype=call["self"].dtype, device="meta")
    bins = torch.empty(call.output.shape, dtype=call.output.dtype, device="meta")

    def steps() -> None:
        bins.zero_()
        if call["min"] == call["max"] and source.numel():
            source.min().item()
            source.max().item()

    return [*launches_of(steps, gpu), *_histogram(call)]


def _histogram(call: OperatorCall) -> list[Launch]:
    source, bins = call["self"], call.output
    return sweep(
        "kernelHistogram1D",
        source.numel(),
        read=nbytes(source),
        written=nbytes(bins),
        integers=20,
        block=(512, 1, 1),
        each=1,
    )


def _search(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    boundaries = call["sorted_sequence" if call.name == "searchsorted" else "boundaries"]
    output = call.output
    steps = 6 * ceil(log2(max(boundaries.size(-1), 2)))
    return sweep(
        "searchsorted_cuda_kernel",
        output.numel(),
        read=nbytes(*call.inputs),
        written=nbytes(output),
        integers=steps,
        block=(512, 1, 1),
        each=1,
    )


def _isin(call: OperatorCall) -> None:
    """Compared with each where there are few, else both sorted together (isin_default, isin_sorting)."""
    elements, tests = call["elements"], call["test_elements"]
    if tests.numel() < 10 * elements.numel() ** 0.145:
        compared = elements.unsqueeze(-1) == tests.view(*(1,) * elements.dim(), -1)
        compared.any(-1)
        return
    everything = torch.cat([elements.flatten(), tests.flatten()])
    ordered, order = everything.sort(stable=True)
    same = ordered[1:] == ordered[:-1]
    mask = torch.empty(ordered.shape, dtype=torch.bool, device="meta")
    mask[:-1].copy_(same)
    mask[-1].fill_(False)
    mask.index_copy(0, order, mask)
