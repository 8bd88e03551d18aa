"""The encoder layer from torch's GEMMs and fused kernels: 8 launches, 4 of them GEMMs, or 7 with ReLU for GELU.

Every GEMM reads and writes dense matrices (transposes of weights and keys are views that cuBLAS takes as they are), so
that torch launches no copies in between.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import torch

from kernels.activation.bias_gelu import bias_gelu
from kernels.activation.linear_relu import linear_relu
from kernels.attention.fused_attention import fused_attention
from kernels.attention.heads import bias_split_heads, merge_heads
from kernels.attention.masked_softmax import masked_softmax
from kernels.normalization.bias_residual_layer_norm import bias_residual_layer_norm
from kernels.shapes import require

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
    """Post-norm, GELU, as in BERT; `masked` [batch, 1, 1, sequence] is true at padding. Weights are [out, in]."""
    require("encoder_layer", x.dtype, x=(x, x.shape))
    attended = _attended(x, masked, heads, qkv, attention, attention_norm)
    return feed_forward(attended, inner, outer, outer_norm).view_as(x)


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
    """With ReLU, as in the first Transformer: cuBLASLt adds the bias and takes the maximum in the GEMM's epilogue.

    Its epilogue for GELU computes the tanh form, but PyTorch's CPU operator of that name the erf form: no layer of one
    definition on both devices can be made of it.
    """
    require("encoder_layer_relu", x.dtype, x=(x, x.shape))
    attended = _attended(x, masked, heads, qkv, attention, attention_norm)
    widened = linear_relu(attended, *inner)
    return bias_residual_layer_norm(gemm(widened, outer), outer[1], attended, *outer_norm).view_as(x)


def encoder_layer_split(
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
    """With attention in five launches, two of them batched GEMMs, as in FasterTransformer: 12 launches in all."""
    require("encoder_layer_split", x.dtype, x=(x, x.shape))
    batch, sequence, hidden = x.shape
    tokens, size = _tokens(x), hidden // heads

    joint = gemm(tokens, qkv).view(batch, sequence, 3 * hidden)
    query, key, value = bias_split_heads(joint, qkv[1], heads).view(3, batch * heads, sequence, size)
    scores = torch.bmm(query, key.transpose(1, 2)).view(batch, heads, sequence, sequence)
    shares = masked_softmax(scores, masked, 1 / math.sqrt(size)).view(batch * heads, sequence, sequence)
    context = merge_heads(torch.bmm(shares, value).view(batch, heads, sequence, size))

    attended = projected(tokens, context.view_as(tokens), attention, attention_norm)
    return feed_forward(attended, inner, outer, outer_norm).view_as(x)


def gemm(x: torch.Tensor, layer: Affine) -> torch.Tensor:
    """Without the bias, which the next kernel adds."""
    return torch.mm(x, layer[0].t())


def feed_forward(attended: torch.Tensor, inner: Affine, outer: Affine, outer_norm: Affine) -> torch.Tensor:
    """The second half of a layer, over rows of hidden states: 4 launches."""
    widened = bias_gelu(gemm(attended, inner), inner[1])
    return bias_residual_layer_norm(gemm(widened, outer), outer[1], attended, *outer_norm)


def projected(tokens: torch.Tensor, context: torch.Tensor, layer: Affine, norm: Affine) -> torch.Tensor:
    """What follows attention: its output projection, residual and norm, in 2 launches."""
    return bias_residual_layer_norm(gemm(context, layer), layer[1], tokens, *norm)


def _attended(
    x: torch.Tensor, masked: torch.Tensor, heads: int, qkv: Affine, attention: Affine, attention_norm: Affine
) -> torch.Tensor:
    """The first half of a layer, as rows of hidden states: 4 launches, one of them attention."""
    tokens = _tokens(x)
    context = fused_attention(gemm(tokens, qkv).view(*x.shape[:2], qkv[1].numel()), qkv[1], masked, heads)
    return projected(tokens, context.view_as(tokens), attention, attention_norm)


def _tokens(x: torch.Tensor) -> torch.Tensor:
    """Rows of hidden states, whatever sequence they are of."""
    return x.view(-1, x.shape[-1])
