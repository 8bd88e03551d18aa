"""A stack of encoder layers over a padded batch, and over its valid tokens alone (Effective Transformer)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch

from kernels.attention.fused_attention import packed_attention
from kernels.encoder.layer import Affine, encoder_layer, feed_forward, gemm, projected
from kernels.encoder.padding import find_tokens, take_rows
from kernels.shapes import require

# of one layer, in the order in which encoder_layer takes them
Layer: TypeAlias = tuple[Affine, Affine, Affine, Affine, Affine, Affine]


def encoder(x: torch.Tensor, masked: torch.Tensor, heads: int, layers: Sequence[Layer]) -> torch.Tensor:
    """`x` [batch, sequence, hidden] through all layers: 8 launches each."""
    for layer in layers:
        x = encoder_layer(x, masked, heads, *layer)
    return x


def effective_encoder(x: torch.Tensor, masked: torch.Tensor, heads: int, layers: Sequence[Layer]) -> torch.Tensor:
    """The same for valid tokens, and zeros at padding: GEMMs and norms run over the valid tokens only.

    8 launches a layer and 3 around them. The host reads one number, how many tokens are valid, since a launch's size is
    the host's to say: one copy, for which it waits.
    """
    require("effective_encoder", x.dtype, x=(x, x.shape))
    batch, sequence, hidden = x.shape
    places, sources, offsets = find_tokens(masked)
    valid = int(offsets[-1])
    tokens = take_rows(x.view(batch * sequence, hidden), sources[:valid])
    for qkv, attention, attention_norm, inner, outer, outer_norm in layers:
        context = packed_attention(gemm(tokens, qkv), qkv[1], offsets, sequence, heads)
        attended = projected(tokens, context, attention, attention_norm)
        tokens = feed_forward(attended, inner, outer, outer_norm)
    return take_rows(tokens, places).view_as(x)
