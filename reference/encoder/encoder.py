"""A stack of encoder layers; and the same with zeros at padding, where its output means nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch

from reference.encoder.layer import Affine, encoder_layer

Layer: TypeAlias = tuple[Affine, Affine, Affine, Affine, Affine, Affine]


def encoder(x: torch.Tensor, masked: torch.Tensor, heads: int, layers: Sequence[Layer]) -> torch.Tensor:
    """`x` [batch, sequence, hidden]; each layer's parameters in the order in which `encoder_layer` takes them."""
    for layer in layers:
        x = encoder_layer(x, masked, heads, *layer)
    return x


def effective_encoder(x: torch.Tensor, masked: torch.Tensor, heads: int, layers: Sequence[Layer]) -> torch.Tensor:
    """Every token, padding too, goes through all layers; then padding is cleared."""
    return encoder(x, masked, heads, layers).masked_fill(masked[:, 0, 0, :, None], 0.0)
