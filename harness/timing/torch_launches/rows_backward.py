"""Gradients of operators that work on rows: softmax, layer norm, RMS norm.

Read from aten/src/ATen/native/cuda/SoftMax.cu (host_softmax_backward) and layer_norm_kernel.cu
(LayerNormBackwardKernelImplInternal, LaunchGammaBetaBackwardCUDAKernel).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod

import torch

from harness.timing.torch_launches import movement, pointwise
from harness.timing.torch_launches.composed import launches_of
from harness.timing.torch_launches.functors import FUNCTORS
from harness.timing.torch_launches.launch import Launch
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rows import NORM_SOURCE, SOFTMAX_SOURCE
from harness.timing.torch_launches.rule import Rule
from harness.timing.torch_launches.sweep import nbytes, sweep
from harness.vgpu.gpus import Gpu

_PERSISTENT_COLUMNS, _PERSISTENT_BYTES = 1024, 4096
_VECTOR = 4
_TILE = 32  # block_dim_x of the kernels for gamma and beta
_MANY_ROWS = 64 * 1024
_COPIED, _SUM = "memcpy?|elementwise?", "memset? reduce?"
_GRADIENTS = f"{_COPIED} {_COPIED} layer_norm_grad_input_kernel? GammaBetaBackward? {_SUM} {_SUM}"
_FORM = "memcpy?|elementwise? softmax_warp_backward|cunn_SoftMaxBackward|cunn_SpatialSoftMaxBackward"


def rules() -> dict[str, Rule]:
    return {
        "_softmax_backward_data": Rule(_softmax, SOFTMAX_SOURCE, form=f"elementwise {_FORM}"),
        "_log_softmax_backward_data": Rule(_log_softmax, SOFTMAX_SOURCE, form=_FORM),
        "native_layer_norm_backward": Rule(
            _layer_norm,
            NORM_SOURCE,
            form=_GRADIENTS,
        ),
        "_fused_rms_norm_backward": Rule(_layer_norm, NORM_SOURCE),
    }


def _softmax(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """grad * output is a kernel of its own (softmax_backward_cuda_out)."""
    gradient, output = call["grad_output"], call["output"]
    product = torch.empty_like(gradient, device="meta", memory_format=torch.preserve_format)
    return [
        *pointwise.kernel(FUNCTORS["mul"], product, [gradient, output], gpu),
        *_rows(product, output, call["dim"], call.output, gpu),
    ]


def _log_softmax(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    return _rows(call["grad_output"], call["output"], call["dim"], call.output, gpu)


def _rows(gradient: torch.Tensor, output: torch.Tensor, dim: int, result: torch.Tensor, gpu: Gpu) -> list[Launch]:
    if gradient.numel() == 0:
        return []
    dim %= max(output.dim(), 1)
    columns = output.size(dim) if output.dim() else 1
    rows = output.numel() // columns
    before = [launch for tensor in (gradient, output) for launch in movement.made_contiguous(tensor, gpu)]
    if prod(output.shape[dim + 1 :]) > 1:
        name, grid, block = "cunn_SpatialSoftMaxBackward", rows, (min(512, 32 * ceil(columns / 32)), 1, 1)
    elif columns <= _PERSISTENT_COLUMNS and columns * result.element_size() <= _PERSISTENT_BYTES:
        power = 1 << (columns - 1).bit_length()
        warp, batches = min(power, 32), 2 if power <= 128 else 1
        name, block = f"softmax_warp_backward<{power}>", (warp, 128 // warp, 1)
        grid = ceil(rows / (128 // warp * batches))
    else:
        name, grid, block = "cunn_SoftMaxBackward", rows, (min(1024, 32 * ceil(columns / 32)), 1, 1)
    read = nbytes(gradient, output)
    kernel = sweep(
        name,
        output.numel(),
        read=read,
        written=nbytes(result),
        integers=4,
        fp32=10,
        sfu=1,
        grid=(grid, 1, 1),
        block=block,
    )
    return [*before, *kernel]


def _layer_norm(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """A kernel for the input's gradient, one for those of gamma and beta, where they are wanted."""
    gradient, source, wanted = call["grad_out"], call["input"], call["output_mask"]
    if source.numel() == 0:
        return []
    columns = prod(call["normalized_shape"])
    rows = source.numel() // columns
    launches = [launch for tensor in (gradient, source) for launch in movement.made_contiguous(tensor, gpu)]
    if wanted[0]:
        name = "layer_norm_grad_input_kernel" + ("_vectorized" if columns % _VECTOR == 0 else "")
        launches += sweep(
            name, source.numel(), read=nbytes(gradient, source), written=nbytes(source), integers=6, fp32=24,
            grid=(rows, 1, 1),
        )  # fmt: skip
    if any(wanted[1:]):
        launches += _gamma_and_beta(gradient, source, rows, columns, sum(wanted[1:]), gpu)
    return launches


def _gamma_and_beta(
    gradient: torch.Tensor, source: torch.Tensor, rows: int, columns: int, wanted: int, gpu: Gpu
) -> list[Launch]:
    """Columns are added up by one kernel; of very many rows in two steps, whose second is sum(0)."""
    tiles = ceil(columns / _TILE)
    read = nbytes(gradient, source)
    name = "GammaBetaBackwardCUDAKernelTemplate"
    if rows > _MANY_ROWS and columns // _TILE < gpu.sms // 2:
        down = min(_MANY_ROWS // 2 // tiles, ceil(rows / _TILE))
        partial = torch.empty((down, columns), dtype=source.dtype, device="meta")
        first = sweep(
            name,
            source.numel(),
            read=read,
            written=wanted * nbytes(partial),
            fp32=6,
            grid=(tiles, down, 1),
            block=(_TILE, 1, 1),
        )
        return [*first, *launches_of(lambda: partial.sum(0), gpu) * wanted]
    down = next((threads for most, threads in ((64, 1), (128, 8), (256, 16)) if rows < most), 32)
    written = wanted * columns * source.element_size()
    return sweep(name, source.numel(), read=read, written=written, fp32=6, grid=(tiles, 1, 1), block=(_TILE, down, 1))
