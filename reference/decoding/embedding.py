"""Words and positions to the first hidden states of a decoding step, and the first layer's norm."""

from __future__ import annotations

import math

import torch
from torch.nn import functional


def embed(
    tokens: torch.Tensor,
    table: torch.Tensor,
    positions: torch.Tensor,
    step: int,
    weight: torch.Tensor,
    shift: torch.Tensor,
    epsilon: float = 1e-6,
) -> tuple[torch.Tensor, torch.Tensor]:
    """`table` [vocabulary, size] and `positions` [steps, size]; all tokens stand at position `step`."""
    size = table.shape[-1]
    hidden = functional.embedding(tokens, table) * math.sqrt(size) + positions[step]
    return hidden, functional.layer_norm(hidden, (size,), weight, shift, epsilon)
