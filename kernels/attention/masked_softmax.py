"""Scale, mask and softmax of attention scores in one launch, where PyTorch takes four."""

from __future__ import annotations

import torch

from harness.kernel import Kernel
from kernels.shapes import TILE_THREADS, held_items, lane_block, require, row_block, vector_width

_held = Kernel("masked_softmax.cu", "masked_softmax<{scalar}, {vector}, {items}, {row}>")
_long = Kernel("masked_softmax.cu", "masked_softmax_long<{scalar}, {vector}>")


def masked_softmax(scores: torch.Tensor, masked: torch.Tensor, scale: float) -> torch.Tensor:
    """Over the last dimension of `scores` [batch, heads, queries, keys], as if -inf where `masked` is true.

    `masked` is [batch, 1, queries, keys]; batch and queries may be 1. A row with everything masked is NaN.
    """
    batch, heads, queries, keys = scores.shape
    per_batch, per_query = masked.shape[0] > 1, masked.shape[2] > 1
    flags = (batch if per_batch else 1, 1, queries if per_query else 1, keys)
    require("masked_softmax", scores.dtype, scores=(scores, scores.shape))
    require("masked_softmax", torch.bool, masked=(masked, flags))
    out = torch.empty_like(scores)
    if not out.numel():
        return out

    operands = (out, scores, masked, masked.stride(0) * per_batch, masked.stride(2) * per_query, heads, queries)
    rows, width = batch * heads * queries, vector_width(keys, out, scores, masked)
    lanes, block = lane_block(keys // width), row_block(keys // width, width)
    if lanes.items <= held_items(width):
        rows_a_block = TILE_THREADS // lanes.threads
        _held(*operands, rows, keys, scale, grid=-(-rows // rows_a_block), block=(lanes.threads, rows_a_block),
              vector=width, items=lanes.items, row=f"LanesPerRow<{lanes.threads}>")  # fmt: skip
    elif block.items:
        _held(*operands, rows, keys, scale, grid=rows, block=block.threads,
              vector=width, items=block.items, row="BlockPerRow")  # fmt: skip
    else:
        _long(*operands, keys, scale, grid=rows, block=block.threads, vector=width)
    return out
