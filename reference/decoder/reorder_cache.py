"""After a beam search has chosen parents: every row goes on with its parent's keys and values."""

from __future__ import annotations

import torch


def reorder_cache(source: torch.Tensor, parents: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """`source` [any, rows, heads, steps, size]; `parents` [batch, beams] are beams of the same batch.

    `out` is where a fused kernel writes; here a new tensor is made.
    """
    batch, beams = parents.shape
    first = torch.arange(batch, device=parents.device)[:, None] * beams
    return source.index_select(1, (first + parents).view(-1))
