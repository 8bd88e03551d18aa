"""LayerNorm alone: what comes before attention and feed-forward in a pre-norm layer."""

from __future__ import annotations

import torch
from torch.nn import functional


def layer_norm(x: torch.Tensor, weight: torch.Tensor, shift: torch.Tensor, epsilon: float = 1e-12) -> torch.Tensor:
    """`weight` and `shift` are the norm's own; it runs along the last dimension."""
    return functional.layer_norm(x, (x.shape[-1],), weight, shift, epsilon)
