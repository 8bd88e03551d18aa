"""BERT's encoder layer as a PyTorch user writes it: self-attention and feed-forward, each with residual and LayerNorm.

Devlin et al. 2018, after Vaswani et al. 2017: post-norm, GELU in its tanh form as in the published BERT code.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import torch
from torch.nn import functional

EPSILON = 1e-12

Affine: TypeAlias = tuple[torch.Tensor, torch.Tensor]  # weight and bias, of a linear layer or a norm


def encoder_layer(
    x: torch.Tensor,
    masked: torch.Tensor,
    heads: int,
    qkv: Affine,
    attention: Affine,
    attention_norm: Affine,
    inner: Affine,
    outer: Affine,
    outer_norm: Affine,
) -> torch.Tensor:
    """`x` [batch, sequence, hidden]; `masked` [batch, 1, 1, sequence] is true at padding. Weights are [out, in].

    The weights of query, key and value come concatenated along `out`; each is a linear layer of its own.
    """
    hidden = x.shape[-1:]
    attended = _self_attention(x, masked, heads, qkv, attention, attention_norm)
    widened = functional.gelu(functional.linear(attended, *inner), approximate="tanh")
    return functional.layer_norm(functional.linear(widened, *outer) + attended, hidden, *outer_norm, EPSILON)


def encoder_layer_relu(
    x: torch.Tensor,
    masked: torch.Tensor,
    heads: int,
    qkv: Affine,
    attention: Affine,
    attention_norm: Affine,
    inner: Affine,
    outer: Affine,
    outer_norm: Affine,
) -> torch.Tensor:
    """The same with ReLU, as in Vaswani et al. 2017."""
    hidden = x.shape[-1:]
    attended = _self_attention(x, masked, heads, qkv, attention, attention_norm)
    widened = torch.relu(functional.linear(attended, *inner))
    return functional.layer_norm(functional.linear(widened, *outer) + attended, hidden, *outer_norm, EPSILON)


def _self_attention(
    x: torch.Tensor, masked: torch.Tensor, heads: int, qkv: Affine, attention: Affine, attention_norm: Affine
) -> torch.Tensor:
    """Attention, its output projection, residual and norm."""
    layers = zip(*(parameter.chunk(3) for parameter in qkv), strict=True)
    query, key, value = (_split_heads(functional.linear(x, *layer), heads) for layer in layers)
    context = _merge_heads(_attention(query, key, value, masked))
    attended = functional.linear(context, *attention) + x
    return functional.layer_norm(attended, x.shape[-1:], *attention_norm, EPSILON)


def _attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, masked: torch.Tensor) -> torch.Tensor:
    scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(query.shape[-1])
    weights = torch.softmax(scores.masked_fill(masked, float("-inf")), dim=-1)
    return torch.matmul(weights, value)


def _split_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    batch, sequence, hidden = x.shape
    return x.view(batch, sequence, heads, hidden // heads).transpose(1, 2)


def _merge_heads(x: torch.Tensor) -> torch.Tensor:
    batch, heads, sequence, size = x.shape
    return x.transpose(1, 2).reshape(batch, sequence, heads * size)
