"""Convolutions and pooling.

How many kernels cuDNN takes for a convolution (transforms to other layouts, offsets, Winograd's steps, splits with
their reduction) is its own heuristics' choice, by shape, version and workspace: one product of matrices is assumed, as
an implicit GEMM is. A bias is added by a kernel of its own (aten/src/ATen/native/Convolution.cpp, _convolution).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from harness.timing.torch_launches import matrix, pointwise
from harness.timing.torch_launches.composed import launches_of, twin
from harness.timing.torch_launches.functors import FILL, FUNCTORS
from harness.timing.torch_launches.launch import Launch, MatrixProduct
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Launches, Rule
from harness.timing.torch_launches.sweep import nbytes, sweep
from harness.vgpu.gpus import Gpu

_NATIVE = "aten/src/ATen/native/"
_CUDA = _NATIVE + "cuda/"
# operator: (kernel, source, instructions an element of the result)
_POOLING = {
    "max_pool2d_with_indices": ("max_pool_forward_nchw", "DilatedMaxPool2d.cu", 30),
    "avg_pool2d": ("avg_pool2d_out_cuda_frame", "AveragePool2d.cu", 30),
    "avg_pool2d_backward": ("avg_pool2d_backward_out_cuda_frame", "AveragePool2d.cu", 40),
    "_adaptive_avg_pool2d": ("adaptive_average_pool", "AdaptiveAveragePooling.cu", 40),
    "_adaptive_avg_pool2d_backward": ("adaptive_average_gradinput", "AdaptiveAveragePooling.cu", 40),
    "upsample_nearest2d": ("upsample_nearest2d_out_frame", "UpSampleNearest2d.cu", 20),
    "upsample_nearest2d_backward": ("upsample_nearest2d_backward_out_frame", "UpSampleNearest2d.cu", 20),
    "upsample_bilinear2d": ("upsample_bilinear2d_out_frame", "UpSampleBilinear2d.cu", 40),
    "upsample_nearest1d": ("upsample_nearest1d_out_frame", "UpSampleNearest1d.cu", 16),
    "upsample_linear1d": ("upsample_linear1d_out_frame", "UpSampleLinear1d.cu", 24),
    "upsample_bicubic2d": ("upsample_bicubic2d_out_frame", "UpSampleBicubic2d.cu", 120),
    "adaptive_max_pool2d": ("adaptivemaxpool", "AdaptiveMaxPooling2d.cu", 40),
    "max_pool3d_with_indices": ("max_pool3d_with_indices_single_out_frame", "DilatedMaxPool3d.cu", 60),
    "avg_pool3d": ("avg_pool3d_cuda_update_output", "AveragePool3d.cu", 60),
    "grid_sampler_2d": ("grid_sampler_2d_kernel", "GridSampler.cu", 60),
    "reflection_pad1d": ("reflection_pad1d_out_kernel", "ReflectionPad.cu", 16),
    "reflection_pad2d": ("reflection_pad2d_out_kernel", "ReflectionPad.cu", 20),
    "replication_pad1d": ("replication_pad_forward_kernel1d", "ReplicationPadding.cu", 16),
    "replication_pad2d": ("replication_pad_forward_kernel2d", "ReplicationPadding.cu", 20),
    "im2col": ("im2col_kernel", "Im2Col.cu", 24),
    "col2im": ("col2im_kernel", "Col2Im.cu", 30),
}
_ZEROED_FIRST = {
    "max_pool2d_with_indices_backward": ("max_pool_backward_nchw", "DilatedMaxPool2d.cu", 40),
    "upsample_bilinear2d_backward": ("upsample_bilinear2d_backward_out_frame", "UpSampleBilinear2d.cu", 40),
    "unfold_backward": ("_unfold_backward_elementwise_kernel", "UnfoldBackwardKernel.cu", 24),
}


def rules() -> dict[str, Rule]:
    convolution = Rule(_convolution, _NATIVE + "Convolution.cpp")
    pooling = {
        name: Rule(_pool(kernel, cost), _CUDA + source, form=kernel)
        for name, (kernel, source, cost) in _POOLING.items()
    }
    zeroed = {
        name: Rule(_zeroed(kernel, cost), _CUDA + source, form=f"elementwise {kernel}")
        for name, (kernel, source, cost) in _ZEROED_FIRST.items()
    }
    return pooling | zeroed | {
        "convolution": convolution,
        "cudnn_convolution": Rule(_convolution, _NATIVE + "cudnn/ConvShared.cpp", form="cudnn"),
        "convolution_backward": Rule(_convolution_backward, _NATIVE + "Convolution.cpp", form="cudnn memset? reduce?"),
    }  # fmt: skip


def _convolution(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    source, weight, bias = (
        call["input" if "input" in call.arguments else "self"],
        call["weight"],
        call.arguments.get("bias"),
    )
    output = call.output
    if output.numel() == 0:
        return []
    kernel = _product("fprop", source, weight, output, call["groups"])
    if bias is None:
        return [kernel]
    spread = bias.view(-1, *(1,) * (output.dim() - 2))
    return [kernel, *pointwise.kernel(FUNCTORS["add"], output, [output, spread], gpu)]


def _product(kind: str, source: torch.Tensor, weight: torch.Tensor, output: torch.Tensor, groups: int) -> MatrixProduct:
    """An implicit GEMM: pixels of the result by channels, summed over the window; the other two permute these."""
    pixels, channels, window = output.numel() // output.size(1), weight.size(0) // groups, weight[0].numel()
    extents = {
        "fprop": (pixels, channels, window),
        "dgrad": (pixels, window, channels),
        "wgrad": (window, channels, pixels),
    }
    m, n, k = extents[kind]
    name = f"cudnn::implicit_gemm_{kind} {m}x{n}x{k}"
    moved = nbytes(source, weight, output)
    return MatrixProduct(name, matrix.path_of(source.dtype), m, n, k, groups, source.element_size(), moved)


def _convolution_backward(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """A product for the input's gradient, one for the weight's; the bias's is a sum over all but the channels."""
    gradient, source, weight, wanted = call["grad_output"], call["input"], call["weight"], call["output_mask"]
    if gradient.numel() == 0:
        return []
    products = [
        _product(kind, source, weight, gradient, call["groups"])
        for kind, asked in zip(("dgrad", "wgrad"), wanted[:2], strict=True)
        if asked
    ]
    axes = [0, *range(2, gradient.dim())]
    shape = twin(gradient)
    return [*products, *(launches_of(lambda: shape.sum(axes), gpu) if wanted[2] else [])]


def _pool(name: str, cost: int) -> Launches:
    def launches(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
        sources = [tensor for tensor in call.inputs if tensor.dim() > 2]
        elements = prod(call.output.shape)
        return sweep(
            name,
            elements,
            read=nbytes(*sources),
            written=nbytes(*call.outputs),
            integers=cost,
            fp32=cost // 3,
            block=(256, 1, 1),
            each=1,
        )

    return launches


def _zeroed(name: str, cost: int) -> Launches:
    pool = _pool(name, cost)

    def launches(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
        return [*pointwise.kernel(FILL, call.output, [], gpu), *pool(call, gpu)]

    return launches
