"""A pre-norm decoder layer as a PyTorch user writes it, one step at a time, with a cache that grows by concatenation.

Vaswani et al. 2017, pre-norm and with ReLU as in OpenNMT-tf, whose decoder FasterTransformer replaces: self-attention,
attention to the encoder's output, feed-forward, each with its norm before and a residual connection around it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import torch
from torch.nn import functional

from reference.attention.decoder_self_attention import history

EPSILON = 1e-6

Affine: TypeAlias = tuple[torch.Tensor, torch.Tensor]  # weight and bias, of a linear layer or a norm


class Weights(NamedTuple):
    """Of a layer. Those of linear layers are [out, in]."""

    self_norm: Affine
    qkv: Affine  # three linear layers, concatenated along out
    self_output: Affine
    cross_norm: Affine
    query: Affine
    memory: Affine  # two linear layers, concatenated along out
    cross_output: Affine
    inner_norm: Affine
    inner: Affine
    outer: Affine


def decoder_layer(
    x: torch.Tensor,
    normed: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    memory_keys: torch.Tensor,
    memory_values: torch.Tensor,
    lengths: torch.Tensor,
    weights: Sequence[Affine],
    next_norm: Affine,
    ancestors: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """`x` [batch * beams, hidden] and its first norm; the last position of `keys` and `values` is to come.

    The result is the stream after the layer, the norm that the next layer begins with, and the grown caches.
    """
    layer = Weights(*weights)
    rows, heads, steps, _ = keys.shape
    query, key, value = (
        functional.linear(normed, *one).view(rows, 1, heads, -1).transpose(1, 2) for one in split(layer.qkv, 3)
    )
    past_keys, past_values = keys[:, :, : steps - 1], values[:, :, : steps - 1]
    context = attention(
        query,
        torch.cat((history(past_keys, ancestors), key), dim=2),
        torch.cat((history(past_values, ancestors), value), dim=2),
    )
    x = x + functional.linear(context.transpose(1, 2).reshape(x.shape), *layer.self_output)

    batch, positions = memory_keys.shape[:2]
    padding = torch.arange(positions, device=lengths.device) >= lengths[:, None]
    query = functional.linear(norm(x, layer.cross_norm), *layer.query)
    query = query.view(batch, rows // batch, heads, -1).transpose(1, 2)
    context = attention(query, memory_keys.transpose(1, 2), memory_values.transpose(1, 2), padding[:, None, None])
    x = x + functional.linear(context.transpose(1, 2).reshape(x.shape), *layer.cross_output)

    widened = torch.relu(functional.linear(norm(x, layer.inner_norm), *layer.inner))
    x = x + functional.linear(widened, *layer.outer)
    grown = torch.cat((past_keys, key), dim=2), torch.cat((past_values, value), dim=2)
    return x, norm(x, next_norm), *grown


def first_decoder_layer(
    x: torch.Tensor,
    normed: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    memory: torch.Tensor,
    lengths: torch.Tensor,
    weights: Sequence[Affine],
    next_norm: Affine,
) -> tuple[torch.Tensor, ...]:
    """The layer at the first step, where the keys and values of `memory` [batch, positions, any] are computed."""
    heads = keys.shape[1]
    memory_keys, memory_values = (
        functional.linear(memory, *one).view(*memory.shape[:2], heads, -1) for one in split(Weights(*weights).memory, 2)
    )
    after = decoder_layer(x, normed, keys, values, memory_keys, memory_values, lengths, weights, next_norm)
    return *after, memory_keys, memory_values


def attention(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, padding: torch.Tensor | None = None
) -> torch.Tensor:
    """Of heads [.., positions, size]; `padding` is true where a key must not be attended to."""
    scores = torch.matmul(query, keys.transpose(-1, -2)) / math.sqrt(query.shape[-1])
    if padding is not None:
        scores = scores.masked_fill(padding, float("-inf"))
    return torch.matmul(torch.softmax(scores, dim=-1), values)


def norm(x: torch.Tensor, affine: Affine) -> torch.Tensor:
    """LayerNorm over the last dimension."""
    return functional.layer_norm(x, x.shape[-1:], *affine, EPSILON)


def split(layer: Affine, count: int) -> list[Affine]:
    """Linear layers that are concatenated along out."""
    return list(zip(*(parameter.chunk(count) for parameter in layer), strict=True))
