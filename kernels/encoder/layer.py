"""BERT's encoder layer from torch's GEMMs and fused kernels: 12 launches, 6 of them GEMMs.

Every GEMM reads and writes dense matrices (transposes of weights and keys are views that cuBLAS takes as they are), so
that torch launches no copies in between.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import torch

from kernels.activation.bias_gelu import bias_gelu
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
    batch, sequence, hidden = x.shape
    tokens, size = x.view(batch * sequence, hidden), hidden // heads

    joint = _gemm(tokens, qkv).view(batch, sequence, 3 * hidden)
    query, key, value = bias_split_heads(joint, qkv[1], heads).view(3, batch * heads, sequence, size)
    scores = torch.bmm(query, key.transpose(1, 2)).view(batch, heads, sequence, sequence)
    shares = masked_softmax(scores, masked, 1 / math.sqrt(size)).view(batch * heads, sequence, sequence)
    context = merge_heads(torch.bmm(shares, value).view(batch, heads, sequence, size))

    projected = _gemm(context.view(batch * sequence, hidden), attention)
    attended = bias_residual_layer_norm(projected, attention[1], tokens, *attention_norm)
    widened = bias_gelu(_gemm(attended, inner), inner[1])
    return bias_residual_layer_norm(_gemm(widened, outer), outer[1], attended, *outer_norm).view_as(x)


def _gemm(x: torch.Tensor, layer: Affine) -> torch.Tensor:
    """Without the bias, which the next kernel adds."""
    return torch.mm(x, layer[0].t())
