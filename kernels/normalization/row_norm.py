"""How norms of rows are launched: one block a row, which holds the row in registers where it fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from harness.kernel import Kernel
from kernels.shapes import row_block, vector_width


def launch_row_norm(
    held: Kernel,
    long: Kernel,
    x: torch.Tensor,
    operands: Sequence[torch.Tensor | None],
    epsilon: float,
    **template: Any,
) -> None:
    """Over the last dimension of `x`. `held` takes rows that a block holds, `long` takes longer ones.

    `operands` are the kernels' pointers in their order; None is an output that this instance does not write.
    """
    if not x.numel():
        return
    cols = x.shape[-1]
    width = vector_width(cols, *(tensor for tensor in operands if tensor is not None))
    block = row_block(cols // width, width)
    kernel, items = (held, {"items": block.items}) if block.items else (long, {})
    kernel(*operands, cols, epsilon, grid=x.numel() // cols, block=block.threads, vector=width, **items, **template)
