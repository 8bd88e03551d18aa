"""Bias, then ReLU: the middle of the feed-forward layer of the original Transformer."""

from __future__ import annotations

import torch


def bias_relu(x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """`bias` runs along the last dimension of `x`."""
    return torch.relu(x + bias)
