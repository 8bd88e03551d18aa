"""Matrix products: one kernel of cuBLAS or cuBLASLt, with the copies that PyTorch makes around it.

Read from aten/src/ATen/native/cuda/Blas.cpp (addmm_out_cuda_impl, isInputCompliesAddmmCudaLt, baddbmm_out_cuda_impl)
and cuBlasCommonArgs.h (prepare_matrix_for_cublas). cuBLAS may split a long reduction over two kernels; that is its
own choice and not modelled: one product is one launch.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from harness.errors import FuseproofError
from harness.timing.torch_launches import movement, pointwise
from harness.timing.torch_launches.functors import FUNCTORS
from harness.timing.torch_launches.launch import Launch, MatrixPath, MatrixProduct
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Rule
from harness.vgpu.gpus import Gpu

SOURCE = "aten/src/ATen/native/cuda/Blas.cpp"
_TYPES = {torch.float16: "half", torch.bfloat16: "bfloat16", torch.float32: "float", torch.float64: "double"}


def rules() -> dict[str, Rule]:
    return {
        "mm": Rule(_mm, SOURCE, form="gemm"),
        "bmm": Rule(_bmm, SOURCE, form="gemm"),
        "addmm": Rule(_addmm, SOURCE, form="memcpy?|elementwise? gemm"),
        "baddbmm": Rule(_baddbmm, SOURCE, form="memcpy?|elementwise? gemm"),
        "mv": Rule(_mv, SOURCE, form="gemm"),
        "addmv": Rule(_addmv, SOURCE, form="memcpy?|elementwise? gemm"),
        "dot": Rule(_dot, SOURCE, form="gemm gemm_reduction"),
        "_addmm_activation": Rule(_addmm_activation, SOURCE),
    }


def product(
    kind: str, left: torch.Tensor, right: torch.Tensor, *, extra_bytes: int = 0, item: int | None = None
) -> MatrixProduct:
    """The product of two (batches of) matrices; `extra_bytes` for a bias or a matrix that is added."""
    batch = prod(left.shape[:-2])
    m, k, n = left.shape[-2], left.shape[-1], right.shape[-1]
    item = item or left.element_size()
    shape = f"{m}x{n}x{k}" if batch == 1 else f"{batch}x{m}x{n}x{k}"
    name = f"{kind}<{_TYPES.get(left.dtype, str(left.dtype))}> {shape}"
    nbytes = batch * item * (m * k + k * n + m * n) + extra_bytes
    return MatrixProduct(name, path_of(left.dtype), m, n, k, batch, item, nbytes)


def path_of(dtype: torch.dtype) -> MatrixPath:
    """Tensor cores for 16-bit types; TF32 is off, so that FP32 runs on the CUDA cores."""
    if dtype in (torch.float16, torch.bfloat16):
        return "tensor"
    if dtype == torch.float32:
        return "fp32"
    raise FuseproofError(f"no time model for a matrix product in {dtype}: add its peak to the GPUs' data files")


def _mm(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    left, right = call["self"], call["mat2"]
    if call.output.numel() == 0:
        return []
    return [*_prepared(left, gpu), *_prepared(right, gpu), product("cublas_gemm", left, right)]


def _addmm(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """The bias goes into cuBLASLt's epilogue where Lt may be used; else it is copied into the result first."""
    bias, left, right = call["self"], call["mat1"], call["mat2"]
    if call.output.numel() == 0:
        return []
    before = [*_prepared(left, gpu), *_prepared(right, gpu)]
    if _fits_cublaslt(call):
        nbytes = bias.numel() * bias.element_size()
        return [*before, product("cublasLt_gemm_bias", left, right, extra_bytes=nbytes)]
    added = call["beta"] != 0
    into = movement.copied(bias.expand(call.output.shape), call.output, gpu) if added and not _in_place(call) else []
    read_again = call.output.numel() * call.output.element_size() if added else 0
    return [*into, *before, product("cublas_gemm", left, right, extra_bytes=read_again)]


def _addmm_activation(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """ReLU or GELU is in cuBLASLt's epilogue, too; without Lt a kernel of its own follows, in place."""
    launches = _addmm(call, gpu)
    if not launches or _fits_cublaslt(call):
        return launches
    functor = FUNCTORS["gelu" if call["use_gelu"] else "relu"]
    return [*launches, *pointwise.kernel(functor, call.output, [call.output], gpu)]


def _fits_cublaslt(call: OperatorCall) -> bool:
    """isInputCompliesAddmmCudaLt, for a bias of one row."""
    bias, left, right = call["self"], call["mat1"], call["mat2"]
    one_row = bias.dim() == 1 or (bias.dim() == 2 and bias.size(0) == 1)
    return (
        call["beta"] == 1
        and not _in_place(call)
        and one_row
        and bias.is_contiguous()
        and bias.size(-1) == right.size(1)
        and call.output.is_contiguous()
        and min(*left.shape, *right.shape) > 1
        and left.dtype in _TYPES
    )


def _in_place(call: OperatorCall) -> bool:
    return call.output is call["self"]


def _bmm(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    left, right = call["self"], call["mat2"]
    if call.output.numel() == 0:
        return []
    kind = "cublas_gemm" if left.size(0) == 1 else "cublas_gemm_strided_batched"
    return [*_prepared(left, gpu), *_prepared(right, gpu), product(kind, left, right)]


def _baddbmm(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """The matrix that is added is copied into the result first (meta function of baddbmm, LinearAlgebra.cpp)."""
    added, left, right = call["self"], call["batch1"], call["batch2"]
    if call.output.numel() == 0:
        return []
    copied = call["beta"] != 0 and not _in_place(call)
    into = movement.copied(added.expand(call.output.shape), call.output, gpu) if copied else []
    nbytes = call.output.numel() * call.output.element_size() if call["beta"] != 0 else 0
    gemm = product("cublas_gemm_strided_batched", left, right, extra_bytes=nbytes)
    return [*into, *_prepared(left, gpu), *_prepared(right, gpu), gemm]


def _mv(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    matrix, vector = call["self"], call["vec"]
    if call.output.numel() == 0:
        return []
    return [*_prepared(matrix, gpu), product("cublas_gemv", matrix, vector.unsqueeze(-1))]


def _addmv(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """The vector that is added is copied into the result first."""
    added, matrix, vector = call["self"], call["mat"], call["vec"]
    if call.output.numel() == 0:
        return []
    copied = call["beta"] != 0 and not _in_place(call)
    into = movement.copied(added.expand(call.output.shape), call.output, gpu) if copied else []
    return [*into, *_prepared(matrix, gpu), product("cublas_gemv", matrix, vector.unsqueeze(-1))]


def _dot(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """cublasDot: partial sums, then their sum."""
    partial = product("cublas_dot_kernel", call["self"].unsqueeze(0), call["tensor"].unsqueeze(-1))
    empty = call["self"].new_empty((1, 1), device="meta")
    return [partial, product("cublas_reduce_1Block_kernel", empty, empty)]


def _prepared(matrix: torch.Tensor, gpu: Gpu) -> list[Launch]:
    """prepare_matrix_for_cublas: a copy unless rows or columns are contiguous and do not overlap."""
    rows, columns = matrix.shape[-2:]
    along_rows, along_columns = matrix.stride()[-2:]
    column_major = along_rows == 1 and along_columns >= max(1, rows)
    row_major = along_columns == 1 and along_rows >= max(1, columns)
    if column_major or row_major or matrix.is_contiguous():
        return []
    return movement.copied(matrix, matrix.new_empty(matrix.shape, device="meta"), gpu)
