"""BERT's encoder layer from torch's GEMMs and fused kernels: 12 launches, 6 of them GEMMs.

Every GEMM reads and writes dense matrices (transposes of weights and keys are views that cuBLAS takes as they are), so
that torch launches no copies in between.
"""

from __future__ import annotations

import math

import torch

from kernels.activation.bias_gelu import bias_gelu
from kernels.attention.heads import bias_split_heads, merge_heads
from kernels.attention.masked_softmax import masked_softmax
from kernels.normalization.bias_residual_layer_norm import bias_residual_layer_norm


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
    """Post-norm, GELU, as in BERT; `masked` [batch, 1, 1, sequence] is true at padding. Weights are [out, in]."""
    batch, sequence, hidden = x.shape
    tokens = x.view(batch * sequence, hidden)

    qkv = torch.mm(tokens, qkv_weight.t()).view(batch, sequence, 3 * hidden)
    query, key, value = bias_split_heads(qkv, qkv_bias, heads).view(3, batch * heads, sequence, hidden // heads)
    scores = torch.bmm(query, key.transpose(1, 2)).view(batch, heads, sequence, sequence)
    shares = masked_softmax(scores, masked, 1 / math.sqrt(hidden // heads)).view(batch * heads, sequence, sequence)
    context = merge_heads(torch.bmm(shares, value).view(batch, heads, sequence, hidden // heads))

    attended = bias_residual_layer_norm(
        torch.mm(context.view(batch * sequence, hidden), attention_weight.t()),
        attention_bias, tokens, attention_norm_weight, attention_norm_bias,
    )  # fmt: skip
    inner = bias_gelu(torch.mm(attended, inner_weight.t()), inner_bias)
    outer = bias_residual_layer_norm(
        torch.mm(inner, outer_weight.t()), outer_bias, attended, outer_norm_weight, outer_norm_bias
    )
    return outer.view_as(x)
