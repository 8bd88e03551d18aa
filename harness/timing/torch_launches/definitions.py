"""Operators that PyTorch defines by others for CUDA, too, although they reach the dispatcher whole.

native_functions.yaml gives them a CompositeExplicitAutograd kernel and no CUDA one: what they launch is what the
operators inside their definition launch, which is asked of the installed PyTorch itself.
"""

from __future__ import annotations

from typing import Any

import torch
from torch._C import DispatchKey

from harness.timing.torch_launches.composed import composed
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Rule

_NATIVE = "aten/src/ATen/native/"
_KEYS = (DispatchKey.CompositeExplicitAutograd, DispatchKey.CompositeExplicitAutogradNonFunctional)

# source; operators
_DEFINED = {
    "TensorCompare.cpp": "isinf allclose",
    "ReduceOps.cpp": "logsumexp dist _is_all_true _is_any_true",
    "Loss.cpp": "binary_cross_entropy_with_logits soft_margin_loss",
    "UnaryOps.cpp": "rad2deg deg2rad",
    "BinaryOps.cpp": "ldexp",
    "Linear.cpp": "_trilinear",
    "AffineGridGenerator.cpp": "affine_grid_generator",
    "TensorAdvancedIndexing.cpp": "index_fill index_put put masked_scatter",
    "TensorTransformations.cpp": "rot90",
    "PadNd.cpp": "constant_pad_nd",
    "TensorShape.cpp": "diagonal_backward slice_backward select_backward select_scatter slice_scatter block_diag "
    "diag_embed",
    "PixelShuffle.cpp": "pixel_shuffle pixel_unshuffle",
    "Activation.cpp": "celu",
    "Distance.cpp": "_euclidean_dist",
    "transformers/attention.cpp": "_safe_softmax",
}


def rules() -> dict[str, Rule]:
    return {name: Rule(LAUNCHES, _NATIVE + source) for source, names in _DEFINED.items() for name in names.split()} | {
        "trace": Rule(composed(lambda call: call["self"].diagonal().sum()), _NATIVE + "cuda/TriangularOps.cu"),
        "equal": Rule(composed(_equal), _NATIVE + "cuda/Equal.cpp"),
        "count_nonzero": Rule(composed(_count), _NATIVE + "TensorAdvancedIndexing.cpp"),
    }


def is_defined(operator: Any) -> bool:
    """Whether PyTorch has such a definition of the operator, whose in-place form may be a kernel of its own."""
    return any(torch._C._dispatch_has_kernel_for_dispatch_key(operator.name(), key) for key in _KEYS)


def _defined(call: OperatorCall) -> Any:
    operator = call.operator
    has = torch._C._dispatch_has_kernel_for_dispatch_key
    key = next(key for key in _KEYS if has(operator.name(), key))
    return operator._op_dk(key, *call.args, **call.kwargs)


def _equal(call: OperatorCall) -> Any:
    """Tensors of one shape are compared, and the host waits for the answer."""
    one, other = call["self"], call["other"]
    return one.shape == other.shape and torch.eq(one, other).all().item()


LAUNCHES = composed(_defined)


def _count(call: OperatorCall) -> Any:
    """(self != 0).sum(dim)"""
    named = call.arguments.get("dim")
    axes = [named] if isinstance(named, int) else named
    return (call["self"] != 0).sum(axes or None)
