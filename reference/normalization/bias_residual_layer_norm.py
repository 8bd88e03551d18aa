"""Bias, residual connection and LayerNorm: what follows the last GEMM of attention and of the feed-forward layer."""

from __future__ import annotations

import torch
from torch.nn import functional


def bias_residual_layer_norm(
    x: torch.Tensor,
    bias: torch.Tensor,
    residual: torch.Tensor,
    weight: torch.Tensor,
    shift: torch.Tensor,
    epsilon: float = 1e-12,
) -> torch.Tensor:
    """`weight` and `shift` are the norm's own; it runs along the last dimension. BERT's epsilon is 1e-12."""
    return functional.layer_norm(x + bias + residual, (x.shape[-1],), weight, shift, epsilon)


def bias_residual_pre_norm(
    x: torch.Tensor,
    bias: torch.Tensor,
    residual: torch.Tensor,
    weight: torch.Tensor,
    shift: torch.Tensor,
    epsilon: float = 1e-12,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum, which stays the residual stream, and its norm, which the next layer reads."""
    total = x + bias + residual
    return total, functional.layer_norm(total, (x.shape[-1],), weight, shift, epsilon)
