"""The two changes of layout around attention: one launch each."""

from __future__ import annotations

import torch

from harness.kernel import Kernel
from kernels.shapes import require, tiles, vector_width

_bias_split_heads = Kernel("heads.cu", "bias_split_heads<{scalar}, {vector}>")
_merge_heads = Kernel("heads.cu", "merge_heads<{scalar}, {vector}>")


def bias_split_heads(qkv: torch.Tensor, bias: torch.Tensor, heads: int) -> torch.Tensor:
    """[batch, sequence, 3 * hidden] plus bias, as [3, batch, heads, sequence, hidden / heads]: q, k and v."""
    batch, sequence, cols = qkv.shape
    size = cols // (3 * heads)
    require("bias_split_heads", qkv.dtype, qkv=(qkv, (batch, sequence, 3 * heads * size)), bias=(bias, (cols,)))
    out = qkv.new_empty(3, batch, heads, sequence, size)
    if out.numel():
        width = vector_width(size, out, qkv, bias)
        tile = tiles(batch * sequence, cols // width)
        _bias_split_heads(out, qkv, bias, batch, sequence, heads, size, grid=tile.grid, block=tile.block, vector=width)
    return out


def merge_heads(context: torch.Tensor) -> torch.Tensor:
    """[batch, heads, sequence, size] as [batch, sequence, heads * size]."""
    batch, heads, sequence, size = context.shape
    require("merge_heads", context.dtype, context=(context, context.shape))
    out = context.new_empty(batch, sequence, heads * size)
    if out.numel():
        width = vector_width(size, out, context)
        tile = tiles(batch * sequence, heads * size // width)
        _merge_heads(out, context, batch, sequence, heads, size, grid=tile.grid, block=tile.block, vector=width)
    return out
