"""A step through all layers of a decoder: 11 launches a layer, 12 at the first step."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from kernels.attention.decoder_cross_attention import project_memory
from kernels.decoder.layer import Affine, Weights, decoder_layer

Memory = tuple[torch.Tensor, torch.Tensor]  # keys and values of the encoder's output, for one layer


def decoder_stack(
    x: torch.Tensor,
    normed: torch.Tensor,
    cache: torch.Tensor,
    memories: Sequence[Memory],
    lengths: torch.Tensor,
    layers: Sequence[Sequence[Affine]],
    last_norm: Affine,
    ancestors: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The last norm's output [rows, hidden], and the cache with this step's keys and values.

    `normed` is the first layer's norm of `x`. The cache of all layers, [layers, 2, rows, heads, steps, size], is a view
    up to this step, of which the last position is written; `memories` are those of `project_memories`.
    """
    weights = [Weights(*layer) for layer in layers]
    norms = [*(layer.self_norm for layer in weights[1:]), last_norm]
    for layer, norm, (keys, values), memory in zip(weights, norms, cache, memories, strict=True):
        x, normed, _, _ = decoder_layer(x, normed, keys, values, *memory, lengths, layer, norm, ancestors)
    return normed, cache


def project_memories(memory: torch.Tensor, layers: Sequence[Sequence[Affine]], heads: int) -> list[Memory]:
    """Keys and values of the encoder's output [batch, positions, any] for each layer, one launch a layer."""
    return [project_memory(memory, *Weights(*layer).memory, heads) for layer in layers]
