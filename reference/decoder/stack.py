"""A step through all layers of a pre-norm decoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from reference.decoder.layer import Affine, Weights, decoder_layer


def decoder_stack(
    x: torch.Tensor,
    normed: torch.Tensor,
    cache: torch.Tensor,
    memories: Sequence[tuple[torch.Tensor, torch.Tensor]],
    lengths: torch.Tensor,
    layers: Sequence[Sequence[Affine]],
    last_norm: Affine,
    ancestors: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """`x` [rows, hidden] and its first norm; the cache [layers, 2, rows, heads, steps, size], whose last is to come.

    The result is the output of the last norm, and the grown cache.
    """
    norms = [*(Weights(*layer).self_norm for layer in layers[1:]), last_norm]
    grown = []
    for layer, norm, (keys, values), memory in zip(layers, norms, cache, memories, strict=True):
        x, normed, keys, values = decoder_layer(x, normed, keys, values, *memory, lengths, layer, norm, ancestors)
        grown.append(torch.stack((keys, values)))
    return normed, torch.stack(grown)
