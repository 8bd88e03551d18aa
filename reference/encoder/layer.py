"""BERT's encoder layer as a PyTorch user writes it: self-attention and feed-forward, each with residual and LayerNorm.

Devlin et al. 2018, after Vaswani et al. 2017: post-norm, GELU in its tanh form as in the published BERT code.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

EPSILON = 1e-12


def encoder_layer(
    x: torch.Tensor,
    masked: torch.Tensor,
    heads: int,
    qkv_weight: torch.Tensor,
    qkv_bias: torch.Tensor,
    attention_weight: torch.Tensor,
    attention_bias: torch.Tensor,
    attention_norm_weight: torch.Tensor,
    attention_norm_bias: torch.Tensor,
    inner_weight: torch.Tensor,
    inner_bias: torch.Tensor,
    outer_weight: torch.Tensor,
    outer_bias: torch.Tensor,
    outer_norm_weight: torch.Tensor,
    outer_norm_bias: torch.Tensor,
) -> torch.Tensor:
    """`x` [batch, sequence, hidden]; `masked` [batch, 1, 1, sequence] is true at padding. Weights are [out, in].

    The weights of query, key and value come concatenated along `out`; each is a linear layer of its own.
    """
    hidden = x.shape[-1:]
    weights, biases = qkv_weight.chunk(3), qkv_bias.chunk(3)
    query, key, value = (
        _split_heads(functional.linear(x, weight, bias), heads) for weight, bias in zip(weights, biases, strict=True)
    )
    context = _merge_heads(_attention(query, key, value, masked))
    attention = functional.linear(context, attention_weight, attention_bias)
    attended = functional.layer_norm(attention + x, hidden, attention_norm_weight, attention_norm_bias, EPSILON)

    inner = functional.gelu(functional.linear(attended, inner_weight, inner_bias), approximate="tanh")
    outer = functional.linear(inner, outer_weight, outer_bias)
    return functional.layer_norm(outer + attended, hidden, outer_norm_weight, outer_norm_bias, EPSILON)


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
