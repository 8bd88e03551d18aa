"""Multi-head self-attention as it is written down: split heads, scaled products, mask, softmax, merge heads."""

from __future__ import annotations

import math
from itertools import pairwise

import torch


def fused_attention(qkv: torch.Tensor, bias: torch.Tensor, masked: torch.Tensor, heads: int) -> torch.Tensor:
    """`qkv` [batch, sequence, 3 * hidden], without its `bias`; `masked` broadcasts to [batch, heads, queries, keys]."""
    query, key, value = (_split_heads(part, heads) for part in (qkv + bias).chunk(3, dim=-1))
    scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(query.shape[-1])
    weights = torch.softmax(scores.masked_fill(masked, float("-inf")), dim=-1)
    return _merge_heads(torch.matmul(weights, value))


def packed_attention(
    qkv: torch.Tensor, bias: torch.Tensor, offsets: torch.Tensor, longest: int, heads: int
) -> torch.Tensor:
    """Each sequence by itself, rows `offsets[i]` to `offsets[i + 1]`, with nothing masked."""
    nothing = torch.zeros(1, 1, 1, 1, dtype=torch.bool, device=qkv.device)
    ends = offsets.tolist()
    sequences = [qkv[None, first:end] for first, end in pairwise(ends)]
    return torch.cat([fused_attention(sequence, bias, nothing, heads)[0] for sequence in sequences])


def _split_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    batch, sequence, hidden = x.shape
    return x.view(batch, sequence, heads, hidden // heads).transpose(1, 2)


def _merge_heads(x: torch.Tensor) -> torch.Tensor:
    batch, heads, sequence, size = x.shape
    return x.transpose(1, 2).reshape(batch, sequence, heads * size)
