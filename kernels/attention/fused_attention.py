"""Multi-head self-attention in one launch: from the joint GEMM of query, key and value to the merged heads."""

from __future__ import annotations

import math

import torch

from harness.device import current
from harness.kernel import Kernel
from kernels.shapes import OperandError, require, vector_width

_tensor = Kernel("fused_attention.cu", "fused_attention<{scalar}, {vector}, {size}, {warps}, {keys}>")
_fma = Kernel("fused_attention_fma.cu", "fused_attention_fma<{scalar}, {vector}, {size}, {warps}>")

SIZES = (32, 64, 128)
WARP_QUERIES = 16
WARPS = 4  # of a block: they share the tiles of keys that it loads, the more the better, however few the queries are
FMA_WARPS = {32: 4, 64: 4, 128: 1}  # whose tiles in FP32 fit into 48 KiB of shared memory


def fused_attention(qkv: torch.Tensor, bias: torch.Tensor, masked: torch.Tensor, heads: int) -> torch.Tensor:
    """softmax(Q K^T / sqrt(size), masked) V of every head; `qkv` [batch, sequence, 3 * hidden] is still without `bias`.

    `masked` is true where a query must not see a key: [batch, 1, queries, keys]; batch and queries may be 1. A query
    with everything masked is NaN. The result is [batch, sequence, hidden].
    """
    batch, sequence, cols = qkv.shape
    size = _head_size("fused_attention", cols, heads)
    per_batch, per_query = masked.shape[0] > 1, masked.dim() > 2 and masked.shape[2] > 1
    flags = (batch if per_batch else 1, 1, sequence if per_query else 1, sequence)
    require("fused_attention", qkv.dtype, qkv=(qkv, (batch, sequence, 3 * heads * size)), bias=(bias, (cols,)))
    require("fused_attention", torch.bool, masked=(masked, flags))
    out = qkv.new_empty(batch, sequence, heads * size)
    if out.numel():
        mask = masked, masked.stride(0) * per_batch, masked.stride(2) * per_query
        _launch(out, qkv, bias, (None, batch, sequence), heads, mask)
    return out


def packed_attention(
    qkv: torch.Tensor, bias: torch.Tensor, offsets: torch.Tensor, longest: int, heads: int
) -> torch.Tensor:
    """The same over sequences packed one behind the other: sequence i is rows `offsets[i]` to `offsets[i + 1]`.

    `qkv` is [tokens, 3 * hidden], `offsets` int32 [batch + 1]; no sequence is longer than `longest`.
    """
    tokens, cols = qkv.shape
    size = _head_size("packed_attention", cols, heads)
    require("packed_attention", qkv.dtype, qkv=(qkv, (tokens, 3 * heads * size)), bias=(bias, (cols,)))
    require("packed_attention", torch.int32, offsets=(offsets, (offsets.numel(),)))
    out = qkv.new_empty(tokens, heads * size)
    if out.numel():
        _launch(out, qkv, bias, (offsets, offsets.numel() - 1, longest), heads, (None, 0, 0))
    return out


def _launch(
    out: torch.Tensor,
    qkv: torch.Tensor,
    bias: torch.Tensor,
    sequences: tuple[torch.Tensor | None, int, int],
    heads: int,
    mask: tuple[torch.Tensor | None, int, int],
) -> None:
    """`sequences` are offsets, their number and the longest length; `mask` is flags with their two strides."""
    offsets, batch, longest = sequences
    size = out.shape[-1] // heads
    width, warps = vector_width(size, out, qkv, bias), WARPS
    keys = {}
    if _on_tensor_cores(qkv.dtype):
        kernel, keys = _tensor, {"keys": 32 if longest <= 32 else 64}
    else:
        kernel, width, warps = _fma, min(width, 4), FMA_WARPS[size]
    blocks = batch * heads * -(-longest // (WARP_QUERIES * warps))
    kernel(out, qkv, bias, offsets, longest, heads, *mask, 1 / math.sqrt(size), grid=blocks, block=32 * warps,
           vector=width, size=size, warps=warps, **keys)  # fmt: skip


def _on_tensor_cores(dtype: torch.dtype) -> bool:
    """Turing's take FP16 alone; bfloat16 came with Ampere."""
    return dtype == torch.float16 or (dtype == torch.bfloat16 and current().compute_capability >= (8, 0))


def _head_size(kernel: str, cols: int, heads: int) -> int:
    size = cols // (3 * heads)
    if size not in SIZES:
        raise OperandError(f"{kernel}: heads of {size} columns, expected {', '.join(map(str, SIZES))}")
    return size
