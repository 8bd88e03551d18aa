"""Losses: an elementwise kernel and the mean or sum of its results, or one block over the targets.

Read from aten/src/ATen/native/cuda/Loss.cu (nll_loss_forward_out_cuda_template), NLLLoss2d.cu and
aten/src/ATen/native/Loss.cpp.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import torch

from harness.timing.torch_launches import pointwise
from harness.timing.torch_launches.composed import launches_of
from harness.timing.torch_launches.functors import BCE, FILL, HUBER, MSE, SMOOTH_L1, Functor
from harness.timing.torch_launches.launch import Launch
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Launches, Rule
from harness.timing.torch_launches.sweep import nbytes, sweep
from harness.vgpu.gpus import Gpu

_NATIVE = "aten/src/ATen/native/"
_NONE, _MEAN = 0, 1  # at::Reduction
_THREADS = 1024
_FORM = "elementwise memset? reduce?"


def rules() -> dict[str, Rule]:
    source = _NATIVE + "cuda/Loss.cu"
    return {
        "mse_loss": Rule(_pointwise(MSE), _NATIVE + "Loss.cpp", form=_FORM),
        "smooth_l1_loss": Rule(_pointwise(SMOOTH_L1), _NATIVE + "Loss.cpp", form=_FORM),
        "huber_loss": Rule(_pointwise(HUBER), _NATIVE + "Loss.cpp", form=_FORM),
        "binary_cross_entropy": Rule(_pointwise(BCE), source, form=_FORM),
        "nll_loss_forward": Rule(_nll, source, form="elementwise? nll_loss_forward"),
        "nll_loss2d_forward": Rule(_nll_of_images, _NATIVE + "cuda/NLLLoss2d.cu"),
        "nll_loss2d_backward": Rule(_nll_of_images_backward, _NATIVE + "cuda/NLLLoss2d.cu"),
        "nll_loss_backward": Rule(_nll_backward, source, form="elementwise nll_loss_backward"),
    }


def _pointwise(functor: Functor) -> Launches:
    def launches(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
        operands = list(call.inputs)
        shape = torch.broadcast_shapes(*(tensor.shape for tensor in operands))
        each = torch.empty(shape, dtype=operands[0].dtype, device="meta")
        kernels = pointwise.kernel(functor, each, operands, gpu)
        if call["reduction"] == _NONE:
            return kernels
        return [*kernels, *launches_of(each.mean if call["reduction"] == _MEAN else each.sum, gpu)]

    return launches


def _nll(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """Reduced by one block; not reduced, the total weight is zeroed and each row its own."""
    source, target = call["self"], call["target"]
    total = call.outputs[1]
    rows = target.numel()
    if rows == 0:
        return [launch for output in call.outputs for launch in pointwise.kernel(FILL, output, [], gpu)]
    read = nbytes(target) + rows * source.element_size()
    if call["reduction"] == _NONE and source.dim() == 2:
        name = "nll_loss_forward_no_reduce_cuda_kernel"
        each = sweep(name, rows, read=read, written=nbytes(call.output), block=(1024, 1, 1), each=1)
        return [*pointwise.kernel(FILL, total, [], gpu), *each]
    name = f"nll_loss_forward_reduce_cuda_kernel_{source.dim()}d"
    return sweep(name, rows, read=read, written=nbytes(*call.outputs), integers=16, grid=(1, 1, 1), block=_block(rows))


def _nll_backward(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """The gradient is zeroed, then written where the targets are."""
    gradient, target = call.output, call["target"]
    rows = target.numel()
    kind = "no_reduce_cuda_kernel" if call["reduction"] == _NONE else f"reduce_cuda_kernel_{call['self'].dim()}d"
    written = rows * gradient.element_size()
    kernel = sweep(
        f"nll_loss_backward_{kind}",
        rows,
        read=nbytes(target),
        written=written,
        integers=16,
        grid=(1, 1, 1),
        block=_block(rows),
    )
    return [*pointwise.kernel(FILL, gradient, [], gpu), *kernel]


def _nll_of_images(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """Each pixel alone; or added up by atomics into zeroed results, and divided where the mean is asked for."""
    target, outputs = call["target"], call.outputs
    zeroed = [launch for output in outputs for launch in pointwise.kernel(FILL, output, [], gpu)]
    pixels = target.numel()
    if pixels == 0:
        return zeroed
    read = nbytes(target) + pixels * call["self"].element_size()
    if call["reduction"] == _NONE:
        name = "nll_loss2d_forward_no_reduce_kernel"
        return sweep(name, pixels, read=read, written=nbytes(call.output), block=(1024, 1, 1), each=1)
    grid = (target.size(0) * max(1, ceil(pixels // target.size(0) / 1024) // 128), 1, 1)
    kernel = sweep("nll_loss2d_forward_kernel", pixels, read=read, integers=16, grid=grid, block=(1024, 1, 1))
    last = sweep("nll_loss2d_forward_size_average_kernel", 1, read=8, written=4, grid=(1, 1, 1), block=(1, 1, 1))
    return [*zeroed, *kernel, *(last if call["reduction"] == _MEAN else [])]


def _nll_of_images_backward(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    gradient, pixels = call.output, call["target"].numel()
    name = "nll_loss2d_backward_no_reduce_kernel" if call["reduction"] == _NONE else "nll_loss2d_backward_kernel"
    written = pixels * gradient.element_size()
    kernel = sweep(name, pixels, read=nbytes(call["target"]), written=written, block=(1024, 1, 1), each=1)
    return [*pointwise.kernel(FILL, gradient, [], gpu), *kernel]


def _block(rows: int) -> tuple[int, int, int]:
    """nll_loss_threads: as many threads as rows, in powers of two of at least a warp."""
    return (min(_THREADS, max(32, 1 << (rows - 1).bit_length())), 1, 1)
