"""A layer of FasterTransformer's decoder, one step at a time: 11 launches, 6 of them GEMMs; 12 at the first step.

Pre-norm, as in OpenNMT-tf: each norm is part of the kernel that ends the layer before it, so that a layer takes and
gives both the residual stream and its norm. The first norm of a stack is the embedding's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import torch

from kernels.activation.linear_relu import linear_relu
from kernels.attention.decoder_cross_attention import decoder_cross_attention, project_memory
from kernels.attention.decoder_self_attention import decoder_self_attention
from kernels.normalization.bias_residual_layer_norm import bias_residual_pre_norm
from kernels.shapes import require

EPSILON = 1e-6  # of FasterTransformer's decoder and OpenNMT-tf's norms

Affine: TypeAlias = tuple[torch.Tensor, torch.Tensor]  # weight and bias, of a linear layer or a norm


class Weights(NamedTuple):
    """Of a layer. Those of linear layers are [out, in]."""

    self_norm: Affine
    qkv: Affine  # of query, key and value, concatenated along out
    self_output: Affine
    cross_norm: Affine
    query: Affine
    memory: Affine  # of the memory's keys and values, concatenated along out
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
    """The stream [rows, hidden] after the layer, its `next_norm`, and the caches with this step's keys and values.

    `normed` is the layer's own first norm of `x`. `keys`, `values` and `ancestors` are those of
    `decoder_self_attention`, which writes into them; the memory's are made by `project_memory` at the first step.
    """
    require("decoder_layer", x.dtype, x=(x, x.shape), normed=(normed, x.shape))
    layer = Weights(*weights)
    context, keys, values = decoder_self_attention(_gemm(normed, layer.qkv), layer.qkv[1], keys, values, ancestors)
    x, normed = _end(context, layer.self_output, x, layer.cross_norm)
    query = _gemm(normed, layer.query)
    context = decoder_cross_attention(query, layer.query[1], memory_keys, memory_values, lengths)
    x, normed = _end(context, layer.cross_output, x, layer.inner_norm)
    x, normed = _end(linear_relu(normed, *layer.inner), layer.outer, x, next_norm)
    return x, normed, keys, values


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
    """`decoder_layer` at the first step; its results, then the keys and values of `memory` [batch, positions, any].

    `keys` and `values` have one position, which is written.
    """
    projected = project_memory(memory, *Weights(*weights).memory, heads=keys.shape[1])
    return *decoder_layer(x, normed, keys, values, *projected, lengths, weights, next_norm), *projected


def _gemm(x: torch.Tensor, layer: Affine) -> torch.Tensor:
    """Without the bias, which the next kernel adds."""
    return torch.mm(x, layer[0].t())


def _end(x: torch.Tensor, layer: Affine, residual: torch.Tensor, norm: Affine) -> tuple[torch.Tensor, torch.Tensor]:
    """A linear layer, the residual connection around it, and the norm that follows."""
    return bias_residual_pre_norm(_gemm(x, layer), layer[1], residual, *norm, EPSILON)
