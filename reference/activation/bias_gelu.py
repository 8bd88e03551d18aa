"""Bias, then GELU in its tanh form: the middle of BERT's feed-forward layer."""

from __future__ import annotations

import torch
from torch.nn import functional


def bias_gelu(x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """`bias` runs along the last dimension of `x`."""
    return functional.gelu(x + bias, approximate="tanh")
