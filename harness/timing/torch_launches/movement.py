"""Operators that move data: copies, casts, fills, gathers, concatenations.

A copy of one dtype between equally laid out tensors is a memcpy, any other one a kernel:
aten/src/ATen/native/cuda/Copy.cu (copy_device_to_device).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import torch

from harness.timing.torch_launches import pointwise
from harness.timing.torch_launches.iteration import SECTOR_BYTES, WARP, walk
from harness.timing.torch_launches.launch import Copy, Kernel, Launch, Traffic
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Launches, Rule
from harness.vgpu.gpus import Gpu

_NATIVE = "aten/src/ATen/native/"
_CUDA = _NATIVE + "cuda/"
_CAT_BATCH = 128  # CAT_ARRAY_BATCH_SIZE


def rules() -> dict[str, Rule]:
    fill = Rule(_fill, _CUDA + "FillKernel.cu")
    factory = Rule(_fill, _NATIVE + "TensorFactories.cpp")
    return {
        "copy": Rule(_copy, _CUDA + "Copy.cu"),
        "clone": Rule(_clone, _NATIVE + "TensorFactories.cpp"),
        "_to_copy": Rule(_clone, _NATIVE + "TensorConversions.cpp"),
        "lift_fresh": Rule(_upload, _NATIVE + "cuda/Copy.cu"),
        "_local_scalar_dense": Rule(_read_scalar, _CUDA + "CUDAScalar.cu"),
        "fill": fill,
        "zero": fill,
        **dict.fromkeys(("zeros", "ones", "full", "zeros_like", "ones_like", "full_like", "scalar_tensor"), factory),
        **dict.fromkeys(("new_zeros", "new_ones", "new_full"), factory),
        "arange": Rule(_generated("elementwise_kernel_with_index<arange>"), _CUDA + "RangeFactories.cu"),
        "linspace": Rule(_generated("elementwise_kernel_with_index<linspace>"), _CUDA + "RangeFactories.cu"),
        "tril": Rule(_triangle, _CUDA + "TriangularOps.cu"),
        "triu": Rule(_triangle, _CUDA + "TriangularOps.cu"),
        "masked_fill_": Rule(_masked_fill_in_place, _CUDA + "Indexing.cu"),
        "masked_fill": Rule(_masked_fill, _NATIVE + "TensorAdvancedIndexing.cpp"),
        "cat": Rule(_cat, _CUDA + "Shape.cu"),
        "stack": Rule(_cat, _NATIVE + "TensorShape.cpp"),
        "repeat": Rule(_repeat, _NATIVE + "TensorShape.cpp"),
        "embedding": Rule(_gather_rows("weight", "indices"), _NATIVE + "Embedding.cpp"),
        "index_select": Rule(_gather_rows("self", "index"), _CUDA + "Indexing.cu"),
        "gather": Rule(_gather, _CUDA + "ScatterGatherKernel.cu"),
    }


def copied(source: torch.Tensor, target: torch.Tensor, gpu: Gpu) -> list[Launch]:
    """What `target.copy_(source)` launches, both on the GPU."""
    if target.numel() == 0:
        return []
    if source.dtype == target.dtype and walk(target, [source]).contiguous:
        return [Copy("D2D", target.numel() * target.element_size())]
    return pointwise.kernel(pointwise.COPY, target, [source], gpu)


def made_contiguous(tensor: torch.Tensor, gpu: Gpu) -> list[Launch]:
    """What `tensor.contiguous()` launches: nothing where it is."""
    return [] if tensor.is_contiguous() else copied(tensor, _like(tensor, tensor.dtype), gpu)


def _copy(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    return copied(call["src"], call["self"], gpu)


def _clone(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    return copied(call["self"], call.output, gpu)


def _upload(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """torch.tensor(...): the data comes from the host."""
    return [Copy("H2D", call.output.numel() * call.output.element_size(), waits=True)]


def _read_scalar(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """tensor.item(): the host waits for the value."""
    return [Copy("D2H", call["self"].element_size(), waits=True)]


def _fill(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    return pointwise.kernel(pointwise.FILL, call.output, [], gpu)


def _masked_fill_in_place(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """One kernel; a value that is a tensor is read by the host first (masked_fill__cuda)."""
    functor = pointwise.Functor("masked_fill_kernel", _CUDA + "Indexing.cu")
    value = call["value"]
    read = [Copy("D2H", value.element_size(), waits=True)] if isinstance(value, torch.Tensor) else []
    return [*read, *pointwise.kernel(functor, call.output, [call["self"], call["mask"]], gpu)]


def _masked_fill(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """A clone of the (expanded) input, then masked_fill_ on it."""
    expanded = call["self"].expand(call.output.shape)
    return [*copied(expanded, call.output, gpu), *_masked_fill_in_place(call, gpu)]


def _triangle(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    source = call["self"]
    functor = pointwise.Functor("triu_tril_kernel", _CUDA + "TriangularOps.cu")
    return pointwise.kernel(functor, call.output, [source], gpu)


def _generated(name: str) -> Launches:
    def launches(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
        return _streaming(name, 0, call.output, 2)

    return launches


def _cat(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """One batched kernel for up to 128 tensors of the output's dtype; a copy each where a dtype differs."""
    parts = [tensor for tensor in call["tensors"] if tensor.numel()]
    if any(tensor.dtype != call.output.dtype for tensor in parts):
        return [launch for tensor in parts for launch in copied(tensor, _like(tensor, call.output.dtype), gpu)]
    read = call.output.numel() * call.output.element_size()
    batches = ceil(len(parts) / _CAT_BATCH)
    return [
        launch
        for _ in range(batches)
        for launch in _streaming("CatArrayBatchedCopy", read // batches, call.output, 12, share=batches)
    ]


def _repeat(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """A copy of the expanded input into the unfolded output: one kernel."""
    source = call["self"]
    return _streaming("elementwise_kernel<128, 2, direct_copy_kernel_cuda>", _nbytes(source), call.output, 24)


def _gather_rows(table: str, index: str) -> Launches:
    def launches(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
        indices = call[index]
        name = "indexSelectSmallIndex" if indices.numel() <= 16 else "vectorized_gather_kernel"
        rows = call.output.numel() * call.output.element_size()
        read = min(rows, _nbytes(call[table])) + _nbytes(indices)
        return [*made_contiguous(indices, gpu), *_streaming(name, read, call.output, 16)]

    return launches


def _gather(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    read = _nbytes(call["index"]) + _nbytes(call.output)
    return _streaming("_scatter_gather_elementwise_kernel", read, call.output, 24)


def _streaming(name: str, read: int, output: torch.Tensor, integers: int, share: int = 1) -> list[Launch]:
    """A kernel of 128-thread blocks that reads `read` bytes and writes the output, four elements a thread."""
    elements, written = output.numel() // share, _nbytes(output) // share
    if elements == 0:
        return []
    warps = ceil(elements / WARP)
    traffic = Traffic(
        dram_read=read,
        dram_write=written,
        sectors_read=ceil(read / SECTOR_BYTES),
        sectors_written=ceil(written / SECTOR_BYTES),
        load_requests=warps if read else 0,
        store_requests=warps,
    )
    instructions = {"int": integers * warps, "memory": traffic.load_requests + warps, "control": warps}
    return [Kernel(name, (ceil(elements / 512), 1, 1), (128, 1, 1), traffic, instructions)]


def _like(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return torch.empty(tensor.shape, dtype=dtype, device="meta")


def _nbytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
