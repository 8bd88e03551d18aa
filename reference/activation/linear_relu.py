"""A linear layer, then ReLU: the first half of the feed-forward layer of the original Transformer."""

from __future__ import annotations

import torch
from torch.nn import functional


def linear_relu(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """`weight` is [out, in], as in torch.nn.Linear."""
    return torch.relu(functional.linear(x, weight, bias))
