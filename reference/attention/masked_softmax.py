"""Attention scores to attention weights: scale, mask, softmax over the keys."""

from __future__ import annotations

import torch


def masked_softmax(scores: torch.Tensor, masked: torch.Tensor, scale: float) -> torch.Tensor:
    """`scores` [batch, heads, queries, keys]; `masked` broadcasts to it, true where a key must not be attended to.

    A query with every key masked has no distribution over keys: its row is NaN.
    """
    return torch.softmax((scores * scale).masked_fill(masked, float("-inf")), dim=-1)
