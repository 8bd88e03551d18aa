"""What the benchmark runs: kernels with their launches and inputs, and the torch operators that answer the same.

Sizes are those of a BERT-base layer, or whatever keeps a run at some milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as functional

Arguments = list["np.ndarray | np.generic"]
ROWS, COLUMNS = 1024, 768


@dataclass(frozen=True, slots=True)
class Launch:
    """Grid and block, as CUDA counts them."""

    grid: tuple[int, ...]
    block: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """`outputs` are the positions of the arguments that the kernel writes; `elements` what a run is counted in.

    `memory_bound`: what the goal against torch's operators is for. `opencl` is given where its launch is another.
    `answer` computes the expected outputs from the arguments, in torch's own operators, as the timed run does.
    `tiny` makes the launch and arguments that numba's simulator can bear.
    """

    name: str
    kernel: str
    cuda: Launch
    arguments: Callable[[], Arguments]
    outputs: tuple[int, ...]
    answer: Callable[..., list[torch.Tensor]]
    elements: int
    memory_bound: bool = True
    opencl: Launch | None = None
    tolerance: float = 1e-4
    tiny: Callable[[], tuple[Launch, Arguments, int]] | None = None


def aligned(values: np.ndarray) -> np.ndarray:
    """The same at an address that suits every engine, so that none has to copy."""
    raw = np.empty(values.nbytes + 4096, np.uint8)
    start = -raw.ctypes.data % 4096
    result = raw[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    result[...] = values
    return result


def normal(*shape: int, dtype: type = np.float32) -> np.ndarray:
    seed = np.random.default_rng(sum(shape))
    return aligned(seed.standard_normal(shape, np.float32).astype(dtype))


def zeros(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return aligned(np.zeros(shape, dtype))


def _saxpy(n: int) -> Arguments:
    return [zeros(n), normal(n), np.float32(1.5), np.int32(n)]


def _top_k(rows: int) -> Arguments:
    return [zeros(rows, 8), zeros(rows, 8, dtype=np.int32), normal(rows, 1024)]


def _histogram(n: int) -> Arguments:
    return [zeros(256, dtype=np.int32), aligned(np.random.default_rng(1).integers(0, 256, n, np.uint8)), np.int32(n)]


def _matrices(n: int, dtype: type = np.float32) -> Arguments:
    return [zeros(n, n), normal(n, n, dtype=dtype), normal(n, n, dtype=dtype), np.int32(n)]


def _attend(out: torch.Tensor, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> list[torch.Tensor]:
    return [functional.scaled_dot_product_attention(q[None], k[None], v[None])[0]]


_SUM = Case(
    "sum of rows, shared tree", "sum_tree", Launch((ROWS,), (256,)),
    lambda: [zeros(ROWS), normal(ROWS, 4096), np.int32(4096)], (0,),
    lambda out, x, n: [x.sum(1)], ROWS * 4096,
    tiny=lambda: (Launch((1,), (256,)), [zeros(1), normal(1, 4096), np.int32(4096)], 4096),
)  # fmt: skip
_SGEMM = Case(
    "SGEMM, 16x16 tiles", "sgemm", Launch((16, 16), (16, 16)), lambda: _matrices(256), (0,),
    lambda c, a, b, n: [a @ b], 256**3, memory_bound=False,
    tiny=lambda: (Launch((1, 1), (16, 16)), _matrices(16), 16**3),
)  # fmt: skip

CASES = (
    Case("y = a x + y", "saxpy", Launch((4096,), (256,)), lambda: _saxpy(1 << 20), (0,),
         lambda y, x, a, n: [torch.add(y, x, alpha=float(a))], 1 << 20,
         tiny=lambda: (Launch((2,), (256,)), _saxpy(512), 512)),
    Case("bias + GELU", "bias_gelu", Launch((256,), (256,)),
         lambda: [zeros(256, 3072), normal(256, 3072), normal(3072), np.int32(3072)], (0,),
         lambda out, x, bias, n: [functional.gelu(x + bias, approximate="tanh")], 256 * 3072,
         tiny=lambda: (Launch((1,), (256,)), [zeros(1, 768), normal(1, 768), normal(768), np.int32(768)], 768)),
    Case("bias + ReLU + residual, half2", "bias_relu_half", Launch((ROWS,), (128,)),
         lambda: [zeros(ROWS, COLUMNS, dtype=np.float16), normal(ROWS, COLUMNS, dtype=np.float16),
                  normal(COLUMNS, dtype=np.float16), normal(ROWS, COLUMNS, dtype=np.float16), np.int32(COLUMNS // 2)],
         (0,), lambda out, x, bias, residual, n: [torch.relu(x + bias) + residual], ROWS * COLUMNS, tolerance=1e-2),
    _SUM,
    replace(_SUM, name="sum of rows, shuffles", kernel="sum_shuffle", tiny=None),
    Case("LayerNorm", "layer_norm", Launch((ROWS,), (256,)),
         lambda: [zeros(ROWS, COLUMNS), normal(ROWS, COLUMNS), normal(COLUMNS), normal(COLUMNS)], (0,),
         lambda out, x, weight, shift: [functional.layer_norm(x, (COLUMNS,), weight, shift)], ROWS * COLUMNS,
         tiny=lambda: (Launch((1,), (256,)), [zeros(1, 768), normal(1, 768), normal(768), normal(768)], 768)),
    Case("softmax", "softmax", Launch((ROWS,), (256,)),
         lambda: [zeros(ROWS, 1024), normal(ROWS, 1024)], (0,),
         lambda out, x: [torch.softmax(x, 1)], ROWS * 1024,
         tiny=lambda: (Launch((1,), (256,)), [zeros(1, 1024), normal(1, 1024)], 1024)),
    Case("transpose", "transpose", Launch((32, 32), (32, 8)),
         lambda: [zeros(1024, 1024), normal(1024, 1024), np.int32(1024), np.int32(1024)], (0,),
         lambda out, x, rows, columns: [x.t().contiguous()], 1024 * 1024,
         tiny=lambda: (Launch((1, 1), (32, 8)), [zeros(32, 32), normal(32, 32), np.int32(32), np.int32(32)], 1024)),
    Case("top 8 of 1024", "top_k", Launch((256,), (256,)), lambda: _top_k(256), (0, 1),
         lambda values, indices, x: list(torch.topk(x, 8)), 256 * 1024, memory_bound=False),
    Case("histogram, atomics", "histogram", Launch((64,), (256,)), lambda: _histogram(1 << 20), (0,),
         lambda bins, x, n: [torch.bincount(x, minlength=256)], 1 << 20, memory_bound=False,
         tiny=lambda: (Launch((1,), (256,)), _histogram(2048), 2048)),
    _SGEMM,
    Case("SGEMM, 4x4 a thread", "sgemm_registers", Launch((4, 4), (16, 16)), lambda: _matrices(256), (0,),
         lambda c, a, b, n: [a @ b], 256**3, memory_bound=False),
    Case("HGEMM, wmma", "hgemm", Launch((4, 16), (128,)), lambda: _matrices(256, np.float16), (0,),
         lambda c, a, b, n: [(a @ b).float()], 256**3, memory_bound=False,
         opencl=Launch((16, 16), (16, 16)), tolerance=2e-2),
    Case("attention, 12 heads of 128 x 64", "attention", Launch((128, 12), (128,)),
         lambda: [zeros(12, 128, 64), *(normal(12, 128 + 0 * i, 64) for i in range(3))], (0,), _attend,
         2 * 12 * 128 * 128 * 64, memory_bound=False),
)  # fmt: skip
