"""The caches of a beam search's new rows, gathered from their parents into another buffer: all layers in one launch.

Only for those that follow no `ancestors`, which spare the copy (kernels/attention/decoder_self_attention.py).
"""

from __future__ import annotations

import math

import torch

from harness.kernel import Kernel
from kernels.shapes import OperandError, require, tiles, vector_width

_reorder = Kernel("reorder_cache.cu", "reorder_cache<{scalar}, {vector}>", strided=True)


def reorder_cache(source: torch.Tensor, parents: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """`out`, where each row has what its parent has in `source`; both [any, rows, heads, steps, size].

    They are views, `cache[..., :steps, :]`, of two buffers that lie alike, of all layers' keys and values. `parents`
    int64 [batch, beams] are beams of the same batch.
    """
    stack, rows, heads, steps, size = source.shape
    batch, beams = parents.shape
    require("reorder_cache", torch.int64, parents=(parents, (rows // max(beams, 1), beams)))
    if out.shape != source.shape or out.dtype != source.dtype or out.stride() != source.stride():
        raise OperandError(
            f"reorder_cache: out is {out.dtype} {list(out.shape)} with strides {out.stride()}, source {source.dtype} "
            f"{list(source.shape)} with strides {source.stride()}: they must lie alike"
        )
    if batch * beams != rows:
        raise OperandError(f"reorder_cache: {batch} x {beams} parents for {rows} rows")
    if source.numel():
        if source.stride(-1) != 1 or (steps > 1 and source.stride(-2) != size):
            raise OperandError(
                f"reorder_cache: source has strides {source.stride()}: the positions of a head must be consecutive"
            )
        run, lie = steps * size, source.stride()[:3]
        width = vector_width(math.gcd(run, *lie), out, source)
        runs = stack * rows * heads
        tile = tiles(runs, run // width)
        _reorder(out, source, parents, *lie, runs, rows, heads, beams, run,
                 grid=tile.grid, block=tile.block, vector=width)  # fmt: skip
    return out
