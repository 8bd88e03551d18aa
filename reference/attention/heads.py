"""Hidden states to heads and back."""

from __future__ import annotations

import torch


def bias_split_heads(qkv: torch.Tensor, bias: torch.Tensor, heads: int) -> torch.Tensor:
    """[batch, sequence, 3 * hidden] plus bias, as [3, batch, heads, sequence, hidden / heads]: q, k and v."""
    batch, sequence, cols = qkv.shape
    biased = (qkv + bias).view(batch, sequence, 3, heads, cols // (3 * heads))
    return biased.permute(2, 0, 3, 1, 4).contiguous()


def merge_heads(context: torch.Tensor) -> torch.Tensor:
    """[batch, heads, sequence, size] as [batch, sequence, heads * size]."""
    batch, heads, sequence, size = context.shape
    return context.transpose(1, 2).reshape(batch, sequence, heads * size)
