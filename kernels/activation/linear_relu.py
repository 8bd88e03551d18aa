"""A linear layer and ReLU in one launch: cuBLASLt's epilogue for several rows, a kernel of our own for a single one.

PyTorch takes the epilogue only for matrices of more than one row (isInputCompliesAddmmCudaLt, in
aten/src/ATen/native/cuda/Blas.cpp); for one it launches a copy of the bias, the product and the activation. One row
times a matrix is bound by the matrix' way from memory, where a kernel needs no tensor cores to be as fast.
"""

from __future__ import annotations

import torch

from harness.kernel import Kernel
from kernels.shapes import TILE_THREADS, lane_block, require, vector_width

_single_row = Kernel("linear_relu.cu", "matrix_vector_relu<{scalar}, {vector}, {lanes}>")


def linear_relu(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Of rows `x` [rows, in]; `weight` is [out, in]."""
    outputs, inputs = weight.shape
    require("linear_relu", x.dtype, x=(x, (x.shape[0], inputs)), weight=(weight, weight.shape), bias=(bias, (outputs,)))
    if len(x) != 1 or not outputs:
        return torch._addmm_activation(bias, x, weight.t(), use_gelu=False)
    out = x.new_empty((1, outputs))
    width = vector_width(inputs, x, weight)
    lanes = lane_block(inputs // width).threads
    rows_a_block = TILE_THREADS // lanes
    _single_row(out, x, weight, bias, outputs, inputs, grid=-(-outputs // rows_a_block), block=(lanes, rows_a_block),
                vector=width, lanes=lanes)  # fmt: skip
    return out
