"""Elementwise operators: one kernel over TensorIterator's walk.

Which template runs and with what grid is read from aten/src/ATen/native/cuda/CUDALoops.cuh (launch_vectorized_kernel,
launch_unrolled_kernel, launch_legacy_kernel); what each element costs is in functors.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import torch

from harness.timing.torch_launches.functors import COPY, FILL, FUNCTORS, Functor
from harness.timing.torch_launches.iteration import WARP, Walk, traffic_of, walk
from harness.timing.torch_launches.launch import Copy, Kernel, Launch, Traffic
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Launches, Rule
from harness.vgpu.gpus import Gpu

FORM = "elementwise"
THREADS = 128  # num_threads() of thread_constants.h
_OFFSET_INSTRUCTIONS = 6  # OffsetCalculator: division by multiplication, a multiply-add, a dimension and operand


def rules() -> dict[str, Rule]:
    """One rule an operator of the table; in-place and out= forms are the same kernels."""
    plain = {name: Rule(_launches_of(functor), functor.source, form=FORM) for name, functor in FUNCTORS.items()}
    gated = FUNCTORS["glu"]
    power = FUNCTORS["pow"]
    return plain | {
        "pow": Rule(_power, power.source, form="memcpy|elementwise"),
        "glu": Rule(_gated, gated.source, form=FORM),
        "glu_backward": Rule(_gated_backward, gated.source, form=FORM),
    }


def kernel(functor: Functor, output: torch.Tensor, operands: Sequence[torch.Tensor], gpu: Gpu) -> list[Launch]:
    """The kernel that computes `output` from `operands`; none where there are no elements."""
    if output.numel() == 0:
        return []
    over = walk(output, operands)
    template, work, vector = _template(over, output, operands, gpu)
    traffic = sum(
        (
            traffic_of(operand, strides, over.shape, vector=vector)
            for operand, strides in zip(operands, over.strides[1:], strict=True)
        ),
        traffic_of(output, over.strides[0], over.shape, written=True, vector=vector),
    )
    grid = ceil(over.elements / work)
    name = f"{template}{functor.name}>"
    return [Kernel(name, (grid, 1, 1), (THREADS, 1, 1), traffic, _instructions(functor, over, traffic))]


def _launches_of(functor: Functor) -> Launches:
    def launches(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
        operands = [tensor for tensor in call.inputs if tensor.numel()]  # an empty one is a buffer for the CPU
        return kernel(functor, call.output, operands, gpu)

    return launches


def _power(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """The power of 0 is a fill, that of 1 a copy (pow_Tensor_Scalar_out, Pow.cpp)."""
    exponent, output = call["exponent"], call.output
    number = None if isinstance(exponent, torch.Tensor) else exponent
    if number == 0:
        return kernel(FILL, output, [], gpu)
    if number == 1:
        return copied(call["self"], output, gpu)
    return kernel(FUNCTORS["pow"], output, call.inputs, gpu)


def copied(source: torch.Tensor, target: torch.Tensor, gpu: Gpu) -> list[Launch]:
    """What `target.copy_(source)` launches, both on the GPU: copy_device_to_device, Copy.cu."""
    if target.numel() == 0:
        return []
    if source.dtype == target.dtype and walk(target, [source]).contiguous:
        return [Copy("D2D", target.numel() * target.element_size())]
    return kernel(COPY, target, [source], gpu)


def _gated(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    return kernel(FUNCTORS["glu"], call.output, call["self"].chunk(2, call["dim"]), gpu)


def _gated_backward(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """One kernel writes both halves of the gradient."""
    half, other = call.output.chunk(2, call["dim"])
    operands = [*call["self"].chunk(2, call["dim"]), call["grad_output"], other]
    return kernel(FUNCTORS["glu"], half, operands, gpu)


def _template(over: Walk, output: torch.Tensor, operands: Sequence[torch.Tensor], gpu: Gpu) -> tuple[str, int, int]:
    """Template up to the functor, elements a block, elements a thread's request."""
    if not over.contiguous:
        unroll = 2 if output.element_size() >= 4 else 4
        return f"elementwise_kernel<{THREADS}, {unroll}, ", THREADS * unroll, 1
    if _casts(output, operands):
        return "unrolled_elementwise_kernel<", THREADS * 4, 1
    widest = 8 if gpu.compute_capability in ((9, 0), (10, 0)) else 4
    vector = min(widest, 16 // output.element_size()) if output.element_size() > 1 else 4
    io_bytes = output.element_size() + sum(operand.element_size() for operand in operands)
    return f"vectorized_elementwise_kernel<{vector}, ", THREADS * (16 if io_bytes == 1 else 8), vector


def _casts(output: torch.Tensor, operands: Sequence[torch.Tensor]) -> bool:
    """needs_dynamic_casting: an operand or the output is not of the dtype that the functor computes in."""
    values = {operand.dtype for operand in operands if operand.dtype != torch.bool}
    if len(values) > 1:
        return True
    if not values or output.dtype in values or output.dtype == torch.bool:
        return False
    # float -> half has its own copy kernel (float16_copy_kernel_cuda)
    return not (values == {torch.float32} and output.dtype in (torch.float16, torch.bfloat16))


def _instructions(functor: Functor, over: Walk, traffic: Traffic) -> dict[str, int]:
    warps = ceil(over.elements / WARP)
    requests = traffic.load_requests + traffic.store_requests
    indexing = 2 if over.contiguous else _OFFSET_INSTRUCTIONS * len(over.shape) * len(over.strides)
    return {
        "fp32": functor.fp32 * warps,
        "sfu": functor.sfu * warps,
        "int": indexing * warps if not over.contiguous else 2 * requests,
        "memory": requests,
        "control": requests,
    }
