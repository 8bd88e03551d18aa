"""One step of a decoder's self-attention in one launch: bias, append to the cache, attention over the history.

A cache of keys, or values, is [rows, heads, capacity, size]: what a head has seen of one row is consecutive memory.
"""

from __future__ import annotations

import math

import torch

from harness.kernel import Kernel
from kernels.attention.head_groups import head_groups
from kernels.shapes import OperandError, require

_attend = Kernel(
    "decoder_self_attention.cu", "decoder_self_attention<{scalar}, {vector}, {items}, {lanes}>", strided=True
)


def decoder_self_attention(
    qkv: torch.Tensor,
    bias: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    ancestors: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The context [rows, hidden] of `qkv` [rows, 3 * hidden] plus bias; and both caches, with this step's in them.

    `keys` and `values` [rows, heads, steps, size] are the caches up to this step, `cache[:, :, :step + 1]`, of which
    the last position is written. `ancestors` int32 [batch, beams, any] says which beam of its batch computed each
    position before it of a beam's history; without it every row has its own.
    """
    rows, heads, steps, size = keys.shape
    hidden = heads * size
    require("decoder_self_attention", qkv.dtype, qkv=(qkv, (rows, 3 * hidden)), bias=(bias, (3 * hidden,)))
    require_alike("decoder_self_attention", qkv.dtype, keys, values)
    if not steps:
        raise OperandError("decoder_self_attention: keys have no position; this step's is the last one of them")
    beams, stride = _ancestry(ancestors, rows, steps)
    out = qkv.new_empty(rows, hidden)
    if out.numel():
        lie = keys.stride()[:3]
        groups = head_groups("decoder_self_attention", size, lie, qkv, bias, keys, values, out)
        blocks = rows * heads
        _attend(out, keys, values, qkv, bias, ancestors, *lie, stride, beams, heads, size, steps, 1 / math.sqrt(size),
                grid=blocks, block=groups.threads(steps - 1, blocks), **groups.template())  # fmt: skip
    return out, keys, values


def require_alike(kernel: str, dtype: torch.dtype, keys: torch.Tensor, values: torch.Tensor) -> None:
    """Both of this dtype, in the same strides, with heads whose columns follow one another, and some positions."""
    if keys.dtype != dtype or values.dtype != dtype:
        raise OperandError(f"{kernel}: keys are {keys.dtype} and values {values.dtype}, expected {dtype}")
    if keys.shape != values.shape or keys.stride() != values.stride():
        raise OperandError(
            f"{kernel}: keys are {list(keys.shape)} with strides {keys.stride()}, values {list(values.shape)} with "
            f"strides {values.stride()}: they must lie alike"
        )
    if keys.stride(-1) != 1 and keys.shape[-1] > 1:
        raise OperandError(f"{kernel}: keys have strides {keys.stride()}: the columns of a head must be consecutive")


def _ancestry(ancestors: torch.Tensor | None, rows: int, steps: int) -> tuple[int, int]:
    """Beams of a batch, and from row to row of `ancestors`."""
    if ancestors is None:
        return 1, 0
    batch, beams, room = ancestors.shape
    if ancestors.dtype != torch.int32 or batch * beams != rows or room < steps - 1:
        raise OperandError(
            f"decoder_self_attention: ancestors are {ancestors.dtype} {list(ancestors.shape)}, expected torch.int32 "
            f"[batch, beams, steps] for {rows} rows and at least {steps - 1} steps"
        )
    stride = ancestors.stride(1 if beams > 1 else 0)
    expected = (beams * stride, stride, 1)
    lie = zip(ancestors.shape, ancestors.stride(), expected, strict=True)
    if any(size > 1 and given != right for size, given, right in lie):
        raise OperandError(
            f"decoder_self_attention: ancestors have strides {ancestors.stride()}: a row's steps must be consecutive, "
            "and all rows equally far apart"
        )
    return beams, stride
