"""A decoder's self-attention, one step at a time: the new token attends to itself and to everything before it."""

from __future__ import annotations

import math

import torch


def decoder_self_attention(
    qkv: torch.Tensor,
    bias: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    ancestors: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """`qkv` [rows, 3 * hidden]; `keys` and `values` [rows, heads, steps, size], the last position of which is to come.

    `ancestors` [batch, beams, any]: the beam of the same batch that holds each position of a beam's history. The result
    is the context [rows, hidden], and the keys and values of every row itself, this step's appended.
    """
    rows, heads, steps, size = keys.shape
    query, key, value = (qkv + bias).view(rows, 3, heads, 1, size).unbind(1)
    past_keys, past_values = keys[:, :, : steps - 1], values[:, :, : steps - 1]
    context = _attention(
        query,
        torch.cat((history(past_keys, ancestors), key), dim=2),
        torch.cat((history(past_values, ancestors), value), dim=2),
    )
    own_keys, own_values = torch.cat((past_keys, key), dim=2), torch.cat((past_values, value), dim=2)
    return context.reshape(rows, heads * size), own_keys, own_values


def _attention(query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    scores = torch.matmul(query, keys.transpose(-1, -2)) / math.sqrt(query.shape[-1])
    return torch.matmul(torch.softmax(scores, dim=-1), values)


def history(past: torch.Tensor, ancestors: torch.Tensor | None) -> torch.Tensor:
    """Each row's history, position by position from the row that holds it."""
    if ancestors is None:
        return past
    batch, beams, _ = ancestors.shape
    rows, heads, steps, size = past.shape
    beam = ancestors[:, :, :steps].long().view(batch, beams, 1, steps, 1).expand(batch, beams, heads, steps, size)
    return past.view(batch, beams, heads, steps, size).gather(1, beam).view(rows, heads, steps, size)
