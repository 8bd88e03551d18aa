"""A decoder's attention to the encoder's output, one step at a time."""

from __future__ import annotations

import math

import torch
from torch.nn import functional


def decoder_cross_attention(
    query: torch.Tensor,
    bias: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    lengths: torch.Tensor,
) -> torch.Tensor:
    """`query` [batch * beams, hidden] over `keys` and `values` [batch, positions, heads, size], valid up to `lengths`.

    Nothing to attend to gives NaN: there is no distribution over no positions.
    """
    rows, hidden = query.shape
    batch, positions, heads, size = keys.shape
    queries = (query + bias).view(batch, rows // batch, heads, size).transpose(1, 2)
    scores = torch.matmul(queries, keys.permute(0, 2, 3, 1)) / math.sqrt(size)
    padding = torch.arange(positions, device=lengths.device) >= lengths[:, None]
    weights = torch.softmax(scores.masked_fill(padding[:, None, None], float("-inf")), dim=-1)
    context = torch.matmul(weights, values.transpose(1, 2))
    return context.transpose(1, 2).reshape(rows, hidden)


def project_memory(
    memory: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, heads: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values of the encoder's output [batch, positions, any]: two linear layers, concatenated along `out`."""
    projected = (functional.linear(memory, *layer) for layer in zip(weight.chunk(2), bias.chunk(2), strict=True))
    keys, values = (one.view(*one.shape[:2], heads, -1) for one in projected)
    return keys, values
