"""Operators that work on rows: softmax, layer norm, RMS norm.

Read from aten/src/ATen/native/cuda/SoftMax.cu (host_softmax), PersistentSoftmax.cuh (dispatch_softmax_forward) and
layer_norm_kernel.cu (LayerNormKernelImplInternal).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod

import torch

from harness.timing.torch_launches import movement
from harness.timing.torch_launches.iteration import SECTOR_BYTES, WARP
from harness.timing.torch_launches.launch import Kernel, Launch, Traffic
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Rule
from harness.vgpu.gpus import Gpu

SOFTMAX_SOURCE = "aten/src/ATen/native/cuda/SoftMax.cu"
NORM_SOURCE = "aten/src/ATen/native/cuda/layer_norm_kernel.cu"
_PERSISTENT_COLUMNS, _PERSISTENT_BYTES = 2048, 8192
_NORM_VECTOR = 4
_SOFTMAX_FORM = "memcpy?|elementwise? softmax_warp_forward|cunn_SoftMaxForward|cunn_SpatialSoftMaxForward"
_NORM_FORM = "memcpy?|elementwise? vectorized_layer_norm_kernel|(RowwiseMomentsCUDAKernel LayerNormForwardCUDAKernel)"


def rules() -> dict[str, Rule]:
    return {
        "_softmax": Rule(_softmax, SOFTMAX_SOURCE, form=_SOFTMAX_FORM),
        "_log_softmax": Rule(_softmax, SOFTMAX_SOURCE, form=_SOFTMAX_FORM),
        "native_layer_norm": Rule(_native_layer_norm, NORM_SOURCE, form=_NORM_FORM),
        "_fused_rms_norm": Rule(_fused_rms_norm, NORM_SOURCE, form="vectorized_rms_norm_kernel"),
    }


def _softmax(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    return softmax(call["self"], call["dim"], call.output, gpu)


def softmax(source: torch.Tensor, dim: int, output: torch.Tensor, gpu: Gpu) -> list[Launch]:
    """One kernel, after a copy where the input is not contiguous."""
    if source.numel() == 0:
        return []
    dim %= max(source.dim(), 1)
    columns = source.size(dim) if source.dim() else 1
    inner = prod(source.shape[dim + 1 :])
    rows = source.numel() // columns
    before = movement.made_contiguous(source, gpu)
    name, grid, block = _softmax_shape(rows, columns, inner, source.element_size())
    # read for the maximum and the sum, computed again for the result where the row is not held in registers
    warps = ceil(source.numel() / WARP)
    instructions = {"fp32": 12 * warps, "sfu": warps, "int": 4 * warps, "control": 2 * warps, "memory": 2 * warps}
    vector = 1 if name.startswith("softmax_warp") else 16 // source.element_size()
    return [*before, Kernel(name, grid, block, _read_write(source, output, vector), instructions, registers=40)]


def _softmax_shape(
    rows: int, columns: int, inner: int, item: int
) -> tuple[str, tuple[int, int, int], tuple[int, int, int]]:
    if inner > 1:
        block = min(512, 32 * ceil(columns / 32))
        return "cunn_SpatialSoftMaxForward", (rows, 1, 1), (block, 1, 1)
    if columns <= _PERSISTENT_COLUMNS and columns * item <= _PERSISTENT_BYTES:
        power = 1 << (columns - 1).bit_length()
        warp, batches = min(power, 32), 2 if power <= 128 else 1
        warps = 128 // warp
        return f"softmax_warp_forward<{power}>", (ceil(rows / (warps * batches)), 1, 1), (warp, warps, 1)
    block = min(1024, 32 * ceil(columns / 32))
    kind = "Reg" if ceil(columns / block) < 10 else "Smem"
    return f"cunn_SoftMaxForward{kind}", (rows, 1, 1), (block, 1, 1)


def _native_layer_norm(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    columns = prod(call["normalized_shape"])
    affine = [tensor for tensor in (call["weight"], call["bias"]) if tensor is not None]
    return norm(call["input"], columns, affine, call.outputs, "layer_norm", gpu)


def _fused_rms_norm(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    weight = call["weight"]
    columns = prod(call["normalized_shape"])
    return norm(call["input"], columns, [] if weight is None else [weight], call.outputs[:1], "rms_norm", gpu)


def norm(
    source: torch.Tensor,
    columns: int,
    affine: Sequence[torch.Tensor],
    outputs: Sequence[torch.Tensor],
    kind: str,
    gpu: Gpu,
) -> list[Launch]:
    """One vectorised kernel, or two where rows are not whole vectors; copies before what is not contiguous."""
    if source.numel() == 0:
        return []
    before = [launch for tensor in (source, *affine) for launch in movement.made_contiguous(tensor, gpu)]
    rows = source.numel() // columns
    warps = ceil(source.numel() / WARP)
    parameters = Traffic(
        dram_read=sum(tensor.numel() * tensor.element_size() for tensor in affine),
        sectors_read=rows * sum(ceil(tensor.numel() * tensor.element_size() / SECTOR_BYTES) for tensor in affine),
        load_requests=rows * len(affine) * ceil(columns / (WARP * _NORM_VECTOR)),
    )
    if columns % _NORM_VECTOR == 0:
        traffic = _read_write(source, outputs[0], _NORM_VECTOR) + _again(source, _NORM_VECTOR) + parameters
        instructions = {"fp32": 14 * warps, "int": 4 * warps, "memory": warps, "control": warps, "barrier": rows * 4}
        name = f"vectorized_{kind}_kernel"
        return [*before, Kernel(name, (rows, 1, 1), (32, 4, 1), traffic, instructions, registers=40, shared_bytes=24)]
    moments = _read_only(source, 1)
    forward = _read_write(source, outputs[0], 1) + parameters
    cost = {"fp32": 8 * warps, "int": 4 * warps, "memory": warps, "control": warps}
    return [
        *before,
        Kernel("RowwiseMomentsCUDAKernel", (rows, 1, 1), (512, 1, 1), moments, cost, registers=40),
        Kernel("LayerNormForwardCUDAKernel", (rows, 1, 1), (256, 1, 1), forward, cost, registers=32),
    ]


def _read_only(source: torch.Tensor, vector: int) -> Traffic:
    nbytes = source.numel() * source.element_size()
    return Traffic(
        dram_read=nbytes,
        sectors_read=ceil(nbytes / SECTOR_BYTES),
        load_requests=ceil(source.numel() / (WARP * vector)),
    )


def _again(source: torch.Tensor, vector: int) -> Traffic:
    """A second read of a row that L2 still holds."""
    once = _read_only(source, vector)
    return Traffic(sectors_read=once.sectors_read, load_requests=once.load_requests)


def _read_write(source: torch.Tensor, output: torch.Tensor, vector: int) -> Traffic:
    written = output.numel() * output.element_size()
    return _read_only(source, vector) + Traffic(
        dram_write=written,
        sectors_written=ceil(written / SECTOR_BYTES),
        store_requests=ceil(output.numel() / (WARP * vector)),
    )
