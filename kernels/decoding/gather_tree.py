"""The sequences of a beam search from its steps, in one launch; as TensorFlow's operator of this name."""

from __future__ import annotations

import torch

from harness.kernel import Kernel
from kernels.shapes import TILE_THREADS, OperandError, require

MOST_ROWS = (1 << 31) - TILE_THREADS  # threads are numbered in 32 bits

_gather_tree = Kernel("gather_tree.cu", "gather_tree")


def gather_tree(tokens: torch.Tensor, parents: torch.Tensor, lengths: torch.Tensor, end: int) -> torch.Tensor:
    """Each beam of the last step, followed back to the first: [steps, batch, beams], as `tokens` and `parents`.

    `lengths` [batch] are the steps of each batch; behind them, and behind the first `end` of a sequence, all is `end`.
    Before a parent outside of 0 to beams - 1 all is -1.
    """
    steps, batch, beams = tokens.shape
    require("gather_tree", torch.int64, tokens=(tokens, tokens.shape), parents=(parents, tokens.shape),
            lengths=(lengths, (batch,)))  # fmt: skip
    out = torch.empty_like(tokens)
    rows = batch * beams
    if rows > MOST_ROWS:
        raise OperandError(f"gather_tree: {rows} beams in all; up to {MOST_ROWS} can be followed in one call")
    if out.numel():
        _gather_tree(out, tokens, parents, lengths, steps, rows, beams, end,
                     grid=-(-rows // TILE_THREADS), block=TILE_THREADS)  # fmt: skip
    return out
