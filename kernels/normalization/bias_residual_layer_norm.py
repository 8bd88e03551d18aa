"""LayerNorm(x + bias + residual) in one launch, where PyTorch takes three."""

from __future__ import annotations

import torch

from harness.kernel import Kernel
from kernels.shapes import require, row_block, vector_width

_held = Kernel("bias_residual_layer_norm.cu", "bias_residual_layer_norm<{scalar}, {vector}, {items}>")
_long = Kernel("bias_residual_layer_norm.cu", "bias_residual_layer_norm_long<{scalar}, {vector}>")


def bias_residual_layer_norm(
    x: torch.Tensor,
    bias: torch.Tensor,
    residual: torch.Tensor,
    weight: torch.Tensor,
    shift: torch.Tensor,
    epsilon: float = 1e-12,
) -> torch.Tensor:
    """Over the last dimension of `x`, of any length; `weight` and `shift` are the norm's own."""
    cols = x.shape[-1]
    vectors = {"bias": bias, "weight": weight, "shift": shift}
    require("bias_residual_layer_norm", x.dtype, x=(x, x.shape), residual=(residual, x.shape),
            **{name: (tensor, (cols,)) for name, tensor in vectors.items()})  # fmt: skip
    out = torch.empty_like(x)
    if out.numel():
        operands = (out, x, bias, residual, weight, shift)
        rows, width = x.numel() // cols, vector_width(cols, *operands)
        block = row_block(cols // width, width)
        kernel, items = (_held, {"items": block.items}) if block.items else (_long, {})
        kernel(*operands, cols, epsilon, grid=rows, block=block.threads, vector=width, **items)
    return out
