"""A pre-norm decoder layer for one token, with caches that grow by concatenation, as a PyTorch user writes it.

Vaswani et al. 2017, pre-norm and with ReLU as in OpenNMT-tf, which FasterTransformer's decoding replaces.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch.nn import functional

from reference.decoder.layer import Affine, Weights, attention, norm, split

__all__ = ["Affine", "Pair", "Weights", "decoder_layer", "memory_of", "norm"]

Pair: TypeAlias = tuple[torch.Tensor, torch.Tensor]  # keys and values, [any, heads, positions, size]


def decoder_layer(
    x: torch.Tensor, past: Pair | None, memory: Pair, padding: torch.Tensor, weights: Weights, heads: int
):
    """`x` [rows, hidden] after the layer, and the keys and values of `past` with this token's behind them.

    `memory` is [batch, heads, positions, size], `padding` [batch, 1, 1, positions]; rows are batch * beams.
    """
    normed = norm(x, weights.self_norm)
    query, key, value = (split_heads(functional.linear(normed, *one)[:, None], heads) for one in split(weights.qkv, 3))
    keys, values = (key, value) if past is None else (torch.cat((past[0], key), 2), torch.cat((past[1], value), 2))
    x = x + functional.linear(attention(query, keys, values).reshape(x.shape), *weights.self_output)

    query = functional.linear(norm(x, weights.cross_norm), *weights.query)
    query = split_heads(query.view(len(padding), -1, query.shape[-1]), heads)
    context = attention(query, *memory, padding).transpose(1, 2).reshape(x.shape)
    x = x + functional.linear(context, *weights.cross_output)

    inner = torch.relu(functional.linear(norm(x, weights.inner_norm), *weights.inner))
    return x + functional.linear(inner, *weights.outer), (keys, values)


def memory_of(encoded: torch.Tensor, weights: Weights, heads: int) -> Pair:
    """Keys and values of the encoder's output [batch, positions, any]."""
    keys, values = (split_heads(functional.linear(encoded, *one), heads) for one in split(weights.memory, 2))
    return keys, values


def split_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """[any, positions, hidden] as [any, heads, positions, size]."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)
