"""LayerNorm(x + bias + residual) in one launch, where PyTorch takes three; and the same with the sum beside it."""

from __future__ import annotations

import torch

from harness.kernel import Kernel
from kernels.normalization.row_norm import launch_row_norm
from kernels.shapes import require

_held = Kernel("bias_residual_layer_norm.cu", "bias_residual_layer_norm<{scalar}, {vector}, {items}, {kept}>")
_long = Kernel("bias_residual_layer_norm.cu", "bias_residual_layer_norm_long<{scalar}, {vector}, {kept}>")


def bias_residual_layer_norm(
    x: torch.Tensor,
    bias: torch.Tensor,
    residual: torch.Tensor,
    weight: torch.Tensor,
    shift: torch.Tensor,
    epsilon: float = 1e-12,
) -> torch.Tensor:
    """Over the last dimension of `x`, of any length; `weight` and `shift` are the norm's own."""
    _require("bias_residual_layer_norm", x, bias, residual, weight, shift)
    out = torch.empty_like(x)
    operands = (out, None, x, bias, residual, weight, shift)
    launch_row_norm(_held, _long, x, operands, epsilon, kept="false")
    return out


def bias_residual_pre_norm(
    x: torch.Tensor,
    bias: torch.Tensor,
    residual: torch.Tensor,
    weight: torch.Tensor,
    shift: torch.Tensor,
    epsilon: float = 1e-12,
) -> tuple[torch.Tensor, torch.Tensor]:
    """x + bias + residual and its LayerNorm, as a pre-norm layer needs them: the sum is the next residual."""
    _require("bias_residual_pre_norm", x, bias, residual, weight, shift)
    kept, out = torch.empty_like(x), torch.empty_like(x)
    operands = (out, kept, x, bias, residual, weight, shift)
    launch_row_norm(_held, _long, x, operands, epsilon, kept="true")
    return kept, out


def _require(
    name: str, x: torch.Tensor, bias: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, shift: torch.Tensor
) -> None:
    cols = x.shape[-1]
    vectors = {"bias": bias, "weight": weight, "shift": shift}
    require(name, x.dtype, x=(x, x.shape), residual=(residual, x.shape),
            **{which: (tensor, (cols,)) for which, tensor in vectors.items()})  # fmt: skip
