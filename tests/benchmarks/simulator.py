"""numba's CUDA simulator on the same work, a tiny piece of it: it runs every thread as a Python thread.

The kernels are those of portable.h in numba's words. Shuffles and tensor cores are not in the simulator. Importing
this module chooses the simulator for the process.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import torch

from tests.benchmarks.cases import Case
from tests.benchmarks.engines import three

os.environ["NUMBA_ENABLE_CUDASIM"] = "1"
from numba import cuda, float32, int32


def reduce_block(partial, thread, value, combine):
    cuda.syncthreads()
    partial[thread] = value
    cuda.syncthreads()
    distance = 128
    while distance > 0:
        if thread < distance:
            partial[thread] = combine(partial[thread], partial[thread + distance])
        cuda.syncthreads()
        distance //= 2
    return partial[0]


def add(a, b):
    return a + b


def saxpy(y, x, a, n):
    i = cuda.grid(1)
    if i < n:
        y[i] = a * x[i] + y[i]


def bias_gelu(out, x, bias, columns):
    for column in range(cuda.threadIdx.x, columns, cuda.blockDim.x):
        v = x[cuda.blockIdx.x, column] + bias[column]
        inner = 0.7978845608 * (v + 0.044715 * v * v * v)
        out[cuda.blockIdx.x, column] = 0.5 * v * (1 + math.tanh(inner))


def sum_tree(out, x, columns):
    partial = cuda.shared.array(256, float32)
    total = 0.0
    for column in range(cuda.threadIdx.x, columns, 256):
        total += x[cuda.blockIdx.x, column]
    total = reduce_block(partial, cuda.threadIdx.x, total, add)
    if cuda.threadIdx.x == 0:
        out[cuda.blockIdx.x] = total


def layer_norm(out, x, weight, shift):
    partial = cuda.shared.array(256, float32)
    row, thread = cuda.blockIdx.x, cuda.threadIdx.x
    held = [x[row, i * 256 + thread] for i in range(3)]
    mean = reduce_block(partial, thread, sum(held), add) / 768
    held = [value - mean for value in held]
    squares = reduce_block(partial, thread, sum(value * value for value in held), add)
    scale = 1 / math.sqrt(squares / 768 + 1e-5)
    for i in range(3):
        out[row, i * 256 + thread] = held[i] * scale * weight[i * 256 + thread] + shift[i * 256 + thread]


def softmax(out, x):
    partial = cuda.shared.array(256, float32)
    row, thread = cuda.blockIdx.x, cuda.threadIdx.x
    held = [x[row, i * 256 + thread] for i in range(4)]
    largest = reduce_block(partial, thread, max(held), max)
    held = [math.exp(value - largest) for value in held]
    total = reduce_block(partial, thread, sum(held), add)
    for i in range(4):
        out[row, i * 256 + thread] = held[i] / total


def transpose(out, x, rows, columns):
    tile = cuda.shared.array((32, 33), float32)
    thread = cuda.threadIdx.x
    for i in range(cuda.threadIdx.y, 32, 8):
        tile[i, thread] = x[cuda.blockIdx.y * 32 + i, cuda.blockIdx.x * 32 + thread]
    cuda.syncthreads()
    for i in range(cuda.threadIdx.y, 32, 8):
        out[cuda.blockIdx.x * 32 + i, cuda.blockIdx.y * 32 + thread] = tile[thread, i]


def histogram(bins, x, n):
    mine = cuda.shared.array(256, int32)
    thread = cuda.threadIdx.x
    mine[thread] = 0
    cuda.syncthreads()
    for i in range(cuda.blockIdx.x * 256 + thread, n, cuda.gridDim.x * 256):
        cuda.atomic.add(mine, x[i], 1)
    cuda.syncthreads()
    cuda.atomic.add(bins, thread, mine[thread])


def sgemm(c, a, b, n):
    left, right = cuda.shared.array((16, 16), float32), cuda.shared.array((16, 16), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    row, column = cuda.blockIdx.y * 16 + y, cuda.blockIdx.x * 16 + x
    total = 0.0
    for tile in range(0, n, 16):
        left[y, x], right[y, x] = a[row, tile + x], b[tile + y, column]
        cuda.syncthreads()
        for k in range(16):
            total += left[y, k] * right[k, x]
        cuda.syncthreads()
    c[row, column] = total


KERNELS = {
    function.__name__: cuda.jit(function)
    for function in (saxpy, bias_gelu, sum_tree, layer_norm, softmax, transpose, histogram, sgemm)
}


def seconds_per_element(case: Case) -> float:
    """One run of the tiny launch, by its number of elements. Raises AssertionError where the answer is wrong."""
    assert case.tiny is not None
    launch, arguments, elements = case.tiny()
    given = [torch.from_numpy(a.copy()) if isinstance(a, np.ndarray) else a for a in arguments]
    expected = case.answer(*given)[0].numpy()
    start = perf_counter()
    kernel: Callable[..., Any] = KERNELS[case.kernel]
    kernel[three(launch.grid), three(launch.block)](*arguments)  # type: ignore[index]
    taken = perf_counter() - start
    np.testing.assert_allclose(arguments[case.outputs[0]], expected, rtol=1e-3, atol=1e-3)
    return taken / elements
