"""One step of a decoder's attention to the encoder's output, in one launch; and that output's keys and values."""

from __future__ import annotations

import math

import torch

from harness.kernel import Kernel
from kernels.attention.decoder_self_attention import require_alike
from kernels.attention.head_groups import head_groups
from kernels.shapes import OperandError, require

_attend = Kernel(
    "decoder_cross_attention.cu",
    "decoder_cross_attention<{scalar}, {vector}, {items}, {lanes}, {queries}>",
    strided=True,
)


def decoder_cross_attention(
    query: torch.Tensor,
    bias: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    lengths: torch.Tensor,
) -> torch.Tensor:
    """The context [rows, hidden] of `query` [rows, hidden] plus bias over a memory's `keys` and `values`.

    Those are [batch, positions, heads, size], of which `lengths` int32 [batch] are valid; rows are batch * beams, and
    the beams of a batch share its memory. A batch of length 0 gives NaN.
    """
    rows, hidden = query.shape
    batch, positions, heads, size = keys.shape
    name = "decoder_cross_attention"
    require(name, query.dtype, query=(query, (rows, heads * size)), bias=(bias, (hidden,)))
    require(name, torch.int32, lengths=(lengths, (batch,)))
    require_alike(name, query.dtype, keys, values)
    if rows != batch * (rows // max(batch, 1)):
        raise OperandError(f"{name}: {rows} rows are no whole number of beams for each of {batch} memories")
    if not positions:
        raise OperandError(f"{name}: keys and values of no position: there is nothing to attend to")
    out = torch.empty_like(query)
    if out.numel():
        lie = keys.stride()[:3]
        groups = head_groups(name, size, lie, query, bias, keys, values, out)
        beams = rows // batch
        queries = groups.queries(beams)
        blocks = batch * -(-beams // queries) * heads
        _attend(out, query, bias, keys, values, lengths, *lie, beams, heads, size, positions, 1 / math.sqrt(size),
                grid=blocks, block=groups.threads(positions, blocks), queries=queries, **groups.template())  # fmt: skip
    return out


def project_memory(
    memory: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, heads: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values of the encoder's output [batch, positions, any], in one GEMM; `weight` is [2 * hidden, any].

    Each is [batch, positions, heads, size]; in memory a position has its key and then its value.
    """
    batch, positions, width = memory.shape
    joint = torch.addmm(bias, memory.reshape(batch * positions, width), weight.t())
    keys, values = joint.view(batch, positions, 2, heads, -1).unbind(2)
    return keys, values
