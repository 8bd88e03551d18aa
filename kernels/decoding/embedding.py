"""The first hidden states of a decoding step, and their LayerNorm for the first layer, in one launch."""

from __future__ import annotations

import math

import torch

from harness.kernel import Kernel
from kernels.shapes import OperandError, require, row_block, vector_width

_embed = Kernel("embedding.cu", "embed<{scalar}, {vector}, {items}>")


def embed(
    tokens: torch.Tensor,
    table: torch.Tensor,
    positions: torch.Tensor,
    step: int,
    weight: torch.Tensor,
    shift: torch.Tensor,
    epsilon: float = 1e-6,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The words of `tokens`, scaled by the root of their size, at position `step`; and LayerNorm of that."""
    rows, cols = tokens.numel(), table.shape[-1]
    require("embed", torch.int64, tokens=(tokens, tokens.shape))
    require("embed", table.dtype, table=(table, table.shape), positions=(positions, (positions.shape[0], cols)),
            weight=(weight, (cols,)), shift=(shift, (cols,)))  # fmt: skip
    if not 0 <= step < len(positions):
        raise OperandError(f"embed: step {step} has no position: the table has {len(positions)}")
    hidden, normed = table.new_empty(*tokens.shape, cols), table.new_empty(*tokens.shape, cols)
    if hidden.numel():
        position = positions[step]
        width = vector_width(cols, hidden, normed, table, position, weight, shift)
        block = row_block(cols // width, width)
        if not block.items:
            raise OperandError(f"embed: hidden states of {cols} numbers do not fit the registers of a block")
        _embed(hidden, normed, tokens, table, position, weight, shift, cols, math.sqrt(cols), epsilon,
               grid=rows, block=block.threads, vector=width, items=block.items)  # fmt: skip
    return hidden, normed
