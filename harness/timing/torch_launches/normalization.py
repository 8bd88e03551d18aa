"""Batch norm and group norm, forward and backward.

cuDNN does batch norm where _select_batch_norm_backend (aten/src/ATen/native/Normalization.cpp) lets it: weights, three
axes or more, no bfloat16, halves with float weights. Else, and for group norm, PyTorch's own kernels run, of
Normalization.cu, Normalization.cuh and group_norm_kernel.cu in aten/src/ATen/native/cuda.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from harness.timing.torch_launches import movement, pointwise
from harness.timing.torch_launches.functors import FUNCTORS, Functor
from harness.timing.torch_launches.launch import Launch
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Rule
from harness.timing.torch_launches.sweep import nbytes, sweep
from harness.vgpu.gpus import Gpu

_CUDA = "aten/src/ATen/native/cuda/"
_BATCH = "aten/src/ATen/native/Normalization.cpp"
_STATISTICS = Functor("batch_norm_calc_invstd", _CUDA + "Normalization.cu", 4, 1)
_AFFINE = Functor("GroupNormKernelImplInternal", _CUDA + "group_norm_kernel.cu", 2)


def rules() -> dict[str, Rule]:
    forward, backward = Rule(_batch_norm, _BATCH), Rule(_batch_norm_backward, _BATCH)
    names = ("native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training")
    return {
        **dict.fromkeys(names, forward),
        "cudnn_batch_norm": Rule(_cudnn, "aten/src/ATen/native/cudnn/BatchNorm.cpp", form="cudnn"),
        "native_batch_norm_backward": backward,
        "cudnn_batch_norm_backward": Rule(_cudnn, "aten/src/ATen/native/cudnn/BatchNorm.cpp", form="cudnn"),
        "native_group_norm": Rule(_group_norm, _CUDA + "group_norm_kernel.cu"),
        "native_group_norm_backward": Rule(_group_norm_backward, _CUDA + "group_norm_kernel.cu"),
    }


def _is_cudnn(call: OperatorCall, *, training: bool) -> bool:
    source, weight = call["input"], call["weight"]
    return (
        weight is not None
        and call.arguments.get("bias", weight) is not None
        and source.dim() >= 3
        and source.dtype != torch.bfloat16
        and (source.dtype != torch.float16 or weight.dtype == torch.float32)
        and (call.arguments.get("running_mean") is not None or training)
        and source.size(0) <= (880_801 if training else 65_535)
    )


def _batch_norm(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """Of PyTorch's own: statistics in training (else their inverse roots), then the elementwise kernel."""
    source, training = call["input"], bool(call.arguments.get("training", False))
    if source.numel() == 0:
        return []
    if _is_cudnn(call, training=training):
        return _cudnn_kernel("bn_fw_tr_1C11_kernel_NCHW" if training else "bn_fw_inf_1C11_kernel_NCHW", call)
    channels = torch.empty(source.size(1), dtype=torch.float32, device="meta")
    inverse = pointwise.kernel(_STATISTICS, channels, [channels], gpu)
    name = "batch_norm_collect_statistics_kernel"
    grid = (source.size(1), 1, 1)
    statistics = (
        sweep(name, source.numel(), read=nbytes(source), fp32=6, grid=grid, block=(512, 1, 1)) if training else []
    )
    moved = nbytes(source)
    transform = sweep("batch_norm_transform_input_kernel", source.numel(), read=moved, written=moved, fp32=3, grid=grid)
    return [*statistics, *inverse, *transform]


def _batch_norm_backward(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """In training the reduction and the elementwise kernel (cuDNN: one); in evaluation one kernel does both."""
    source, training = call["input"], bool(call["train"])
    if source.numel() == 0:
        return []
    if training and _is_cudnn(call, training=True):
        return _cudnn_kernel("bn_bw_1C11_kernel_new", call)
    moved = nbytes(source, call["grad_out"])
    grid = (source.size(1), 1, 1)
    return sweep(
        "batch_norm_backward_kernel",
        source.numel(),
        read=2 * moved,
        written=moved // 2,
        fp32=16,
        grid=grid,
        block=(512, 1, 1),
    )


def _cudnn(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    return _cudnn_kernel("bn_bw_1C11_kernel_new" if "backward" in call.name else "bn_fw_tr_1C11_kernel_NCHW", call)


def _cudnn_kernel(name: str, call: OperatorCall) -> list[Launch]:
    tensors = [tensor for tensor in call.inputs if tensor.dim() > 1]
    source = call["input"]
    read, written = 2 * nbytes(*tensors), nbytes(source)
    return sweep(
        f"cudnn::{name}",
        source.numel(),
        read=read,
        written=written,
        fp32=12,
        grid=(source.size(1), 1, 1),
        block=(512, 1, 1),
    )


def _group_norm(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """Moments of each group; scale and shift of each channel, if there is a weight or a bias; the result."""
    source, result = call["input"], call.outputs[0]
    if source.numel() == 0:
        return []
    groups = call["N"] * call["group"]
    affine = call["weight"] is not None or call["bias"] is not None
    before = movement.made_contiguous(source, gpu)
    moments = sweep(
        "RowwiseMomentsCUDAKernel", source.numel(), read=nbytes(source), fp32=6, grid=(groups, 1, 1), block=(512, 1, 1)
    )
    channels = call["N"] * call["C"]
    pixels = call["HxW"]
    fused = affine and pixels > 1
    parameters = (
        sweep("ComputeFusedParamsCUDAKernel", channels, read=8 * channels, written=8 * channels) if fused else []
    )
    scale = torch.empty((channels, 1), dtype=torch.float32, device="meta").expand(channels, pixels)
    flat = torch.empty((channels, pixels), dtype=result.dtype, device="meta")
    return [*before, *moments, *parameters, *pointwise.kernel(_AFFINE, flat, [flat, scale, scale], gpu)]


def _group_norm_backward(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """GroupNormBackwardKernelImplInternal: sums of each channel, factors of each group, the input's gradient, and
    those of weight and bias."""
    gradient, source, wanted = call["grad_out"], call["input"], call["output_mask"]
    if source.numel() == 0:
        return []
    channels, pixels, groups = call["N"] * call["C"], call["HxW"], call["N"] * call["group"]
    read = nbytes(gradient, source)
    name = "ComputeInternalGradientsCUDAKernel"
    launches: list[Launch] = sweep(name, source.numel(), read=read, fp32=4, grid=(channels, 1, 1), block=(512, 1, 1))
    if wanted[0]:
        factor = torch.empty(channels, dtype=torch.float32, device="meta")
        if call["weight"] is not None:
            launches += pointwise.kernel(FUNCTORS["mul"], factor, [factor, factor], gpu)
        launches += sweep("ComputeBackwardFusedParamsCUDAKernel", channels, read=16 * channels, grid=(groups, 1, 1))
        flat = torch.empty((channels, pixels), dtype=source.dtype, device="meta")
        spread = factor.unsqueeze(1).expand(channels, pixels)
        launches += pointwise.kernel(_AFFINE, flat, [flat, flat, spread, spread, spread], gpu)
    if any(wanted[1:]):
        many = call["N"] > 128
        name = "GammaBetaBackwardCUDAKernel2" if many else "GammaBetaBackwardCUDAKernel1"
        launches += sweep(name, channels, read=16 * channels, written=8 * call["C"], fp32=6)
    return launches
