"""Elementwise operators: one kernel over TensorIterator's walk.

Which template runs and with what grid is read from aten/src/ATen/native/cuda/CUDALoops.cuh (launch_vectorized_kernel,
launch_unrolled_kernel, launch_legacy_kernel); what each element costs is in the table below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import torch

from harness.timing.torch_launches.iteration import WARP, Walk, traffic_of, walk
from harness.timing.torch_launches.launch import Kernel, Launch, Traffic
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Launches, Rule
from harness.vgpu.gpus import Gpu

THREADS = 128  # num_threads() of thread_constants.h
_OFFSET_INSTRUCTIONS = 6  # OffsetCalculator: division by multiplication, a multiply-add, a dimension and operand
_CUDA = "aten/src/ATen/native/cuda/"


@dataclass(frozen=True, slots=True)
class Functor:
    """What one element costs: FP32 instructions (halves are computed in float) and special-function instructions."""

    name: str
    source: str
    fp32: int = 1
    sfu: int = 0


def _functors(*rows: tuple) -> dict[str, Functor]:
    return {name: Functor(functor, source, *cost) for names, functor, source, *cost in rows for name in names.split()}


# operators; functor as profilers show it; source; FP32 and special-function instructions an element (estimates)
FUNCTORS = _functors(
    ("add sub rsub", "CUDAFunctor_add", "aten/src/ATen/native/ufunc/add.h"),
    ("mul", "MulFunctor", _CUDA + "BinaryMulKernel.cu"),
    ("div", "DivFunctor", _CUDA + "BinaryDivTrueKernel.cu", 8, 1),
    ("pow", "pow_tensor_scalar_kernel_impl", _CUDA + "PowKernel.cu", 2, 0),
    ("maximum minimum", "maximum_kernel_cuda", _CUDA + "MaxMinElementwiseKernel.cu"),
    ("eq ne", "CompareEqFunctor", _CUDA + "CompareEQKernel.cu"),
    ("isnan", "CompareEqFunctor", "aten/src/ATen/native/TensorCompare.cpp"),
    ("lt le gt ge", "CompareFunctor", _CUDA + "CompareKernels.cu"),
    ("logical_and logical_or logical_xor", "logical_and_kernel_cuda", _CUDA + "BinaryLogicalOpsKernels.cu"),
    ("bitwise_and bitwise_or bitwise_xor", "BitwiseAndFunctor", _CUDA + "BinaryBitwiseOpsKernels.cu"),
    ("bitwise_not", "bitwise_not_kernel_cuda", _CUDA + "UnaryOpsKernel.cu"),
    ("where", "where_kernel_impl", _CUDA + "TensorCompare.cu"),
    ("relu clamp clamp_min clamp_max", "launch_clamp_scalar", _CUDA + "TensorCompare.cu", 2),
    ("neg sign logical_not", "neg_kernel_cuda", _CUDA + "UnarySignKernels.cu"),
    ("abs", "AbsFunctor", _CUDA + "AbsKernel.cu"),
    ("exp", "exp_kernel_cuda", _CUDA + "UnaryOpsKernel.cu", 3, 1),
    ("expm1", "expm1_kernel_cuda", _CUDA + "UnaryOpsKernel.cu", 10, 1),
    ("sqrt", "sqrt_kernel_cuda", _CUDA + "UnaryOpsKernel.cu", 6, 1),
    ("rsqrt", "rsqrt_kernel_cuda", _CUDA + "UnaryOpsKernel.cu", 3, 1),
    ("log log2 log10 log1p", "log_kernel_cuda", _CUDA + "UnaryLogKernels.cu", 12, 0),
    ("reciprocal floor ceil round trunc frac", "reciprocal_kernel_cuda", _CUDA + "UnaryFractionKernels.cu", 4, 1),
    ("sin cos", "sin_kernel_cuda", _CUDA + "UnaryGeometricSinKernel.cu", 16, 0),
    ("tanh", "tanh_kernel_cuda", _CUDA + "UnaryGeometricTanhKernel.cu", 10, 2),
    ("erf", "erf_kernel_cuda", _CUDA + "UnarySpecialOpsKernel.cu", 20, 1),
    ("sigmoid", "sigmoid_kernel_cuda", _CUDA + "UnarySpecialOpsKernel.cu", 6, 2),
    ("gelu", "GeluCUDAKernelImpl", _CUDA + "ActivationGeluKernel.cu", 24, 2),
    ("silu", "silu_kernel", _CUDA + "ActivationSiluKernel.cu", 6, 2),
    ("softplus", "softplus_kernel", _CUDA + "ActivationSoftplusKernel.cu", 20, 2),
    ("leaky_relu", "leaky_relu_kernel", _CUDA + "ActivationLeakyReluKernel.cu", 2),
    ("elu", "elu_kernel", _CUDA + "ActivationEluKernel.cu", 12, 1),
    ("hardtanh hardsigmoid hardswish", "hardswish_kernel", _CUDA + "ActivationHardswishKernel.cu", 4),
    ("addcmul addcdiv", "addcmul_cuda_kernel", _CUDA + "PointwiseOpsKernel.cu", 3),
    ("lerp", "lerp_tensor_kernel", _CUDA + "Lerp.cu", 3),
)
FILL = Functor("FillFunctor", _CUDA + "FillKernel.cu", 0)
COPY = Functor("direct_copy_kernel_cuda", _CUDA + "Copy.cu", 0)


def rules() -> dict[str, Rule]:
    """One rule an operator of the table; in-place and out= forms are the same kernels."""
    return {name: Rule(_launches_of(functor), functor.source) for name, functor in FUNCTORS.items()}


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
        return kernel(functor, call.output, call.inputs, gpu)

    return launches


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
