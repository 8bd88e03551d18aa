"""Operators that read or write where indices say: gather, scatter, index, index_put, embedding, nonzero.

Read from the files that each rule names. A boolean index is made into indices by nonzero first, for whose count the
host waits (expandTensors, aten/src/ATen/native/IndexingUtils.h).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import torch

from harness.timing.torch_launches import cub, movement, pointwise
from harness.timing.torch_launches.functors import FUNCTORS, MASKED_FILL
from harness.timing.torch_launches.launch import Copy, Kernel, Launch, Traffic
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Launches, Rule, run
from harness.timing.torch_launches.sweep import nbytes, sweep
from harness.vgpu.gpus import Gpu

_NATIVE = "aten/src/ATen/native/"
_CUDA = _NATIVE + "cuda/"
_FEW_INDICES = 16  # index_select and index_add keep so many in one thread
_GATHER_ALIGNMENT = 16  # fast_gather_kernel_eligible, IndexKernelUtils.h
_GATHER_THREADS = 256  # vectorized_gather_kernel_launch
_GATHERED = "memcpy?|elementwise? gather"  # after a copy of indices that are not contiguous
_NONZERO = "DeviceReduceKernel? DeviceReduceSingleTileKernel memcpy DeviceCompactInitKernel DeviceSelectSweepKernel"

_INDEXED = f"({_NONZERO} write_indices?)* gather|index_elementwise_kernel"


def rules() -> dict[str, Rule]:
    scatter = Rule(_scatter, _CUDA + "ScatterGatherKernel.cu", form="memcpy?|elementwise gather?")
    scatter_in_place = Rule(_scatter, scatter.source, form="gather?")
    return {
        "embedding": Rule(_select_rows("weight", "indices"), _NATIVE + "Embedding.cpp", form=_GATHERED),
        "index_select": Rule(_select_rows("self", "index"), _CUDA + "Indexing.cu", form=_GATHERED),
        "gather": Rule(_gather, _CUDA + "ScatterGatherKernel.cu", form=_GATHERED),
        "take": Rule(_take, _CUDA + "IndexKernel.cu", form="index_elementwise_kernel"),
        **dict.fromkeys(("scatter", "scatter_add", "scatter_reduce"), scatter),
        **dict.fromkeys(("scatter_", "scatter_add_", "scatter_reduce_"), scatter_in_place),
        "index": Rule(_index, _CUDA + "IndexKernel.cu", form=_INDEXED),
        "index_put_": Rule(_index_put, _NATIVE + "TensorAdvancedIndexing.cpp"),
        "_index_put_impl_": Rule(_index_put, _NATIVE + "TensorAdvancedIndexing.cpp"),
        "_unsafe_index": Rule(_index, _CUDA + "IndexKernel.cu", form=_INDEXED),
        "index_add": Rule(_index_add, _CUDA + "Indexing.cu"),
        "index_reduce": Rule(_index_add, _CUDA + "Indexing.cu"),
        "put_": Rule(_put, _CUDA + "IndexKernel.cu", form="index_elementwise_kernel"),
        "nonzero_static": Rule(_nonzero_static, _CUDA + "Nonzero.cu"),
        "index_copy": Rule(_index_write("index_copy_kernel_impl"), _CUDA + "IndexKernel.cu"),
        "index_fill_": Rule(_index_fill, _CUDA + "IndexKernel.cu", form="memcpy? index_fill_kernel_impl"),
        "masked_select": Rule(_masked_select, _CUDA + "IndexKernel.cpp"),
        "masked_scatter_": Rule(_masked_scatter, _CUDA + "IndexKernel.cpp"),
        "nonzero": Rule(_nonzero, _CUDA + "Nonzero.cu", form=f"{_NONZERO} write_indices?", result=_found),
        "repeat_interleave": Rule(_repeat_interleave, _CUDA + "Repeat.cu"),
    }


def gathered(slice_bytes: int, read: int, output: torch.Tensor) -> list[Launch]:
    """gather_out along whole slices: 16 bytes a thread where slices are aligned, else one element a thread."""
    written = nbytes(output)
    if slice_bytes < _GATHER_ALIGNMENT or slice_bytes % _GATHER_ALIGNMENT:
        name = "_scatter_gather_elementwise_kernel"
        return sweep(name, output.numel(), read=read, written=written, integers=16)
    threads = 32 * ceil(slice_bytes / _GATHER_ALIGNMENT / 32)
    grid = (written // slice_bytes, ceil(slice_bytes / (_GATHER_THREADS * _GATHER_ALIGNMENT)), 1)
    block = (min(_GATHER_THREADS, threads), 1, 1)
    return sweep(
        "vectorized_gather_kernel", output.numel(), read=read, written=written, integers=8, grid=grid, block=block
    )


def _select_rows(table: str, index: str) -> Launches:
    def launches(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
        rows, indices, output = call[table], call[index], call.output
        before = movement.made_contiguous(indices, gpu)
        read = min(nbytes(output), nbytes(rows)) + nbytes(indices)
        axis = call.arguments.get("dim", 0) % max(rows.dim(), 1)
        if indices.numel() <= _FEW_INDICES:
            return [
                *before,
                *sweep("indexSelectSmallIndex", output.numel(), read=read, written=nbytes(output), integers=16),
            ]
        slice_bytes = rows.shape[1:].numel() * rows.element_size() if axis == 0 and rows.is_contiguous() else 0
        return [*before, *gathered(slice_bytes, read, output)]

    return launches


def _gather(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """An index that is expanded over whole slices selects them (as index_select does); any other one, elements."""
    index, output = call["index"], call.output
    read = nbytes(index) + nbytes(output)
    axis = call["dim"] % max(output.dim(), 1)
    sliced = axis == 0 and output.dim() > 1 and not any(index.stride()[1:]) and call["self"].is_contiguous()
    return gathered(output.shape[1:].numel() * output.element_size() if sliced else 0, read, output)


def _take(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    output = call.output
    read = nbytes(call["index"]) + nbytes(output)
    return sweep("index_elementwise_kernel<128, 4, take_kernel>", output.numel(), read=read, written=nbytes(output))


def _put(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    source, written = call["source"], nbytes(call["source"])
    name = "index_elementwise_kernel<128, 4, put_kernel>"
    return sweep(name, source.numel(), read=written + nbytes(call["index"]), written=written, integers=16)


def _nonzero_static(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """The size is given, so that the host waits for nothing: counts a block, their sums, the places, the filling."""
    mask, output = call["self"], call.output
    if output.numel() == 0:
        return []
    items, block = mask.numel(), (512, 1, 1)
    blocks = (ceil(items / (512 * 16)), 1, 1)
    indices = sweep("write_indices", output.size(0), written=nbytes(output), integers=20, block=(256, 1, 1), each=1)
    return [
        *movement.made_contiguous(mask, gpu),
        *sweep("calc_block_sums", items, read=nbytes(mask), written=4 * blocks[0], grid=blocks, block=block),
        *sweep("compute_agg", blocks[0], read=4 * blocks[0], written=8 * blocks[0], grid=(1, 1, 1), block=block),
        *sweep("flag_kernel", items, read=nbytes(mask), written=8 * output.size(0), grid=blocks, block=block),
        *sweep("write_fill_value", output.size(0), written=8 * output.size(0), block=block, each=1),
        *(indices if mask.dim() > 1 else []),
    ]


def _scatter(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """The input is copied into the result (unless it is the result), then one kernel over the indices."""
    index, source = call["index"], call.arguments.get("src")
    copied = [] if movement.is_in_place(call) else movement.copied(call["self"], call.output, gpu)
    moved = index.numel() * call.output.element_size()
    kernel = sweep(
        "_scatter_gather_elementwise_kernel", index.numel(),
        read=nbytes(index) + (moved if isinstance(source, torch.Tensor) else 0), written=moved, integers=24,
    )  # fmt: skip
    return [*copied, *kernel]


def _index(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    indices = _given(call["indices"])
    output = call.output
    read = nbytes(output) + nbytes(*(index for index in indices if index.dtype != torch.bool))
    return [*_made_indices(indices, gpu), *_index_kernel(indices, call["self"], output.numel(), read, nbytes(output))]


def _index_kernel(
    indices: Sequence[torch.Tensor], table: torch.Tensor, elements: int, read: int, written: int
) -> list[Launch]:
    """One index over the first axis of dense rows of whole 16 bytes is a gather; else an element a thread."""
    row = table.shape[1:].numel() * table.element_size() if table.dim() > 1 and table.is_contiguous() else 0
    fast = len(indices) == 1 and indices[0].dim() == 1 and row and row % _GATHER_ALIGNMENT == 0
    name = "vectorized_gather_kernel" if fast else "index_elementwise_kernel<128, 4, index_kernel_impl>"
    return sweep(name, elements, read=read, written=written, integers=12 + 8 * len(indices))


def _index_put(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """A mask with one value is a masked_fill_; accumulation sorts the indices; else one kernel."""
    target, value, indices = call["self"], call["values"], _given(call["indices"])
    if call["accumulate"]:
        return [*_made_indices(indices, gpu), *_accumulated(target, indices, value, gpu)]
    masked = len(indices) == 1 and indices[0].dtype in (torch.bool, torch.uint8) and value.numel() == 1
    if masked:
        mask = indices[0].reshape(indices[0].shape + (1,) * (target.dim() - indices[0].dim()))
        read = Copy("D2H", value.element_size(), waits=True)
        return [read, *pointwise.kernel(MASKED_FILL, target, [target, mask], gpu)]
    elements = max(value.numel(), _selected(target, indices))
    moved = elements * target.element_size()
    name = "index_elementwise_kernel<128, 4, index_put_kernel_impl>"
    kernel = sweep(name, elements, read=moved + nbytes(*indices), written=moved, integers=12 + 8 * len(indices))
    return [*_made_indices(indices, gpu), *kernel]


def _accumulated(target: torch.Tensor, indices: Sequence[torch.Tensor], value: torch.Tensor, gpu: Gpu) -> list[Launch]:
    """index_put_with_sort_kernel, Indexing.cu: linear indices, sorted with their order, then sums of equal ones."""
    shape = torch.broadcast_shapes(*(index.shape for index in indices if index.dtype != torch.bool))
    linear = torch.empty(shape, dtype=torch.long, device="meta")
    one = pointwise.kernel(FUNCTORS["remainder"], linear, [linear], gpu)
    scaled = pointwise.kernel(FUNCTORS["mul"], linear, [linear], gpu)
    sums = pointwise.kernel(FUNCTORS["add"], linear, [linear, linear], gpu) * (len(indices) - 1)
    slices = target.shape[len(indices) :].numel()
    wanted = (*shape, *target.shape[len(indices) :])
    expanded = value.expand(wanted)
    count = linear.numel()
    bits = max(1, (target.numel() // max(slices, 1)).bit_length())
    name = "_kernel_stride_1" if slices == 1 else "_kernel_small_stride" if slices <= 32 else "_kernel"
    moved = count * slices * target.element_size()
    return [
        *(one + scaled) * len(indices),
        *sums,
        *movement.made_contiguous(expanded, gpu),
        *pointwise.kernel(FUNCTORS["floor_divide"], linear, [linear], gpu),
        *sweep("elementwise_kernel_with_index<arange>", count, written=8 * count, each=1),
        *cub.radix_sort(count, 8, 8, gpu, bits=bits),
        *sweep(
            f"indexing_backward{name}", count * slices, read=2 * moved + 16 * count, written=moved, integers=20, fp32=1
        ),
    ]


def _index_add(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    copied = [] if movement.is_in_place(call) else movement.copied(call["self"], call.output, gpu)
    return [*copied, *_index_kernel_of(call, "indexFuncSmallIndex", "indexFuncLargeIndex")]


def _index_kernel_of(call: OperatorCall, few: str, many: str) -> list[Launch]:
    source, index = call["source"], call["index"]
    moved = nbytes(source)
    name = few if index.numel() <= _FEW_INDICES else many
    return sweep(name, source.numel(), read=2 * moved + nbytes(index), written=moved, integers=16, fp32=1, each=1)


def _index_write(name: str) -> Launches:
    def launches(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
        copied = [] if movement.is_in_place(call) else movement.copied(call["self"], call.output, gpu)
        source = call["source"]
        kernel = sweep(name, source.numel(), read=nbytes(source, call["index"]), written=nbytes(source), integers=16)
        return [*copied, *kernel]

    return launches


def _index_fill(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """A value that is a tensor is read by the host first."""
    target, value = call["self"], call["value"]
    written = nbytes(target) // max(1, target.size(call["dim"])) * call["index"].numel() if target.dim() else 0
    read = [Copy("D2H", value.element_size(), waits=True)] if isinstance(value, torch.Tensor) else []
    elements = written // target.element_size()
    return [*read, *sweep("index_fill_kernel_impl", elements, read=nbytes(call["index"]), written=written)]


def _masked_select(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """index(self, {mask}), both expanded to each other."""
    shape = torch.broadcast_shapes(call["self"].shape, call["mask"].shape)
    mask = call["mask"].expand(shape)
    read = nbytes(call.output)
    kernel = _index_kernel([mask], call["self"].expand(shape), call.output.numel(), read, nbytes(call.output))
    return [*_nonzero_of(mask, call.output.numel(), gpu), *kernel]


def _masked_scatter(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """How many come before each masked element is a prefix sum; the mask is copied for it."""
    target, mask = call["self"], call["mask"].expand(call["self"].shape)
    counted = torch.empty(target.shape, dtype=torch.long, device="meta")
    return [
        *movement.copied(mask, counted, gpu),
        *cub.scan(counted.numel(), nbytes(counted), nbytes(counted)),
        *pointwise.kernel(MASKED_FILL, target, [target, mask, counted], gpu),
    ]


def _nonzero(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    return _nonzero_of(call["self"], call.output.size(0), gpu)


def _nonzero_of(mask: torch.Tensor, found: int, gpu: Gpu) -> list[Launch]:
    """Count, wait for the count, select the places, split them into one index an axis."""
    items, written = mask.numel(), 8 * found
    if items == 0:
        return []
    split = sweep("write_indices", found, read=written, written=written * mask.dim(), integers=20, each=1)
    return [
        *movement.made_contiguous(mask, gpu),
        *cub.reduce(items, nbytes(mask)),
        Copy("D2H", 4, waits=True),
        *cub.select(items, nbytes(mask), written),
        *(split if mask.dim() > 1 else []),
    ]


def _found(operator: Any, args: tuple, kwargs: dict) -> torch.Tensor:
    """Of a mask without values all are taken for set: the longest that the result can be."""
    if not args[0].is_meta:
        return run(operator, args, kwargs)
    return torch.empty((args[0].numel(), args[0].dim()), dtype=torch.long, device="meta")


def _made_indices(indices: Sequence[torch.Tensor], gpu: Gpu) -> list[Launch]:
    """What boolean indices launch before they can be used."""
    masks = [index for index in indices if index.dtype in (torch.bool, torch.uint8)]
    return [launch for mask in masks for launch in _nonzero_of(mask, _set(mask), gpu)]


def _set(mask: torch.Tensor) -> int:
    return mask.numel() if mask.is_meta else int(mask.count_nonzero())


def _given(indices: Sequence[torch.Tensor | None]) -> list[torch.Tensor]:
    return [index for index in indices if index is not None]


def _selected(target: torch.Tensor, indices: Sequence[torch.Tensor]) -> int:
    """Elements that the indices name."""
    rest = target.shape[sum(index.dim() if index.dtype == torch.bool else 1 for index in indices) :].numel()
    named = [_set(index) if index.dtype == torch.bool else index.numel() for index in indices]
    return max(named, default=0) * rest


def _repeat_interleave(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """repeats.cumsum(0), read by the host unless the size is given, then one kernel that writes the indices."""
    repeats, output = call["repeats"], call.output
    wait = [] if call.arguments.get("output_size") is not None else [Copy("D2H", 8, waits=True)]
    blocks = min(ceil(repeats.numel() * 32 / 512), 2048)
    traffic = Traffic(dram_read=2 * nbytes(repeats), dram_write=nbytes(output))
    warps = ceil(max(output.numel(), repeats.numel()) / 32)
    kernel = Kernel("compute_cuda_kernel", (blocks, 1, 1), (512, 1, 1), traffic, {"int": 10 * warps, "memory": warps})
    return [*cub.scan(repeats.numel(), nbytes(repeats), 8 * repeats.numel()), *wait, kernel]
