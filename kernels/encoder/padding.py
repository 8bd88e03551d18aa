"""Padding removal and rebuild (Effective Transformer): one launch finds the valid tokens, one makes a move of rows."""

from __future__ import annotations

from typing import NamedTuple

import torch

from harness.kernel import Kernel
from kernels.shapes import OperandError, require, tiles, vector_width

_find_tokens = Kernel("padding.cu", "find_tokens", chooses=True)
_take_rows = Kernel("padding.cu", "take_rows<{scalar}, {vector}>")

MOST_TOKENS = 2**31 - 2**12  # indices are of 32 bits, and the last step of the sum looks beyond the last token


class Tokens(NamedTuple):
    """Where the valid tokens of a padded batch are; int32."""

    places: torch.Tensor  # [batch * sequence]: the packed row of each token, -1 at padding
    sources: torch.Tensor  # [batch * sequence]: the token of each packed row, -1 behind the last one
    offsets: torch.Tensor  # [batch + 1]: the first packed row of each sequence; the last is their number


def find_tokens(masked: torch.Tensor) -> Tokens:
    """`masked` [batch, 1, 1, sequence] is true at padding, which may be anywhere in a sequence."""
    batch, sequence = masked.shape[0], masked.shape[-1]
    tokens = batch * sequence
    require("find_tokens", torch.bool, masked=(masked, (batch, 1, 1, sequence)))
    if tokens > MOST_TOKENS:
        raise OperandError(f"find_tokens: {tokens:,} tokens, at most {MOST_TOKENS:,}; split the batch")
    found = Tokens(*(masked.new_empty(size, dtype=torch.int32) for size in (tokens, tokens, batch + 1)))
    if not sequence:
        found.offsets.zero_()
    else:
        _find_tokens(*found, masked, tokens, sequence, grid=1, block=1024)
    return found


def take_rows(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Row `index[i]` of `x` [rows, cols] as row i, zeros where `index` (int32) is negative.

    With `sources` it packs the valid tokens, with `places` it puts them back among padding of zeros.
    """
    count, cols = index.numel(), x.shape[-1]
    require("take_rows", x.dtype, x=(x, (x.shape[0], cols)))
    require("take_rows", torch.int32, index=(index, (count,)))
    out = x.new_empty(count, cols)
    if out.numel():
        width = vector_width(cols, out, x)
        tile = tiles(count, cols // width)
        _take_rows(out, x, index, count, cols, grid=tile.grid, block=tile.block, vector=width)
    return out
