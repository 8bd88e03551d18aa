"""ReLU(x + bias) in one launch, where PyTorch takes two."""

from __future__ import annotations

import torch

from harness.kernel import Kernel
from kernels.shapes import require, tiles, vector_width

_bias_relu = Kernel("bias_relu.cu", "bias_relu<{scalar}, {vector}>")


def bias_relu(x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Over the last dimension of `x`."""
    cols = x.shape[-1]
    require("bias_relu", x.dtype, x=(x, x.shape), bias=(bias, (cols,)))
    out = torch.empty_like(x)
    if out.numel():
        rows, width = x.numel() // cols, vector_width(cols, out, x, bias)
        tile = tiles(rows, cols // width)
        _bias_relu(out, x, bias, rows, cols, grid=tile.grid, block=tile.block, vector=width)
    return out
