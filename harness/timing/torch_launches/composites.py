"""Functions that PyTorch decomposes differently on CUDA and on the CPU, met before they are decomposed.

On the CPU tensors of a modelled run the decomposition would show launches that a GPU never makes. Each function here
is charged by its own rule, and what it calls underneath is not charged.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F

from harness.timing.torch_launches import attention, drawing, rows
from harness.timing.torch_launches.functors import COPY, FILL, MASKED_FILL
from harness.timing.torch_launches.launch import Copy, Launch
from harness.timing.torch_launches.pointwise import kernel
from harness.vgpu.gpus import Gpu

Arguments: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Composite:
    """`applies` tells calls that differ between the backends from those that do not; `parameters` name the arguments
    of a built-in function, which has no signature."""

    launches: Callable[[Arguments, torch.Tensor, Gpu], Sequence[Launch]]
    applies: Callable[[Arguments], bool]
    source: str
    parameters: tuple[str, ...] | None = None

    def bind(self, function: Callable, args: tuple, kwargs: Arguments) -> Arguments:
        """Arguments by name."""
        if self.parameters is None:
            bound = inspect.signature(function).bind(*args, **kwargs)
            bound.apply_defaults()
            return dict(bound.arguments)
        return dict.fromkeys(self.parameters) | dict(zip(self.parameters, args, strict=False)) | kwargs


def _softmax(arguments: Arguments, result: torch.Tensor, gpu: Gpu) -> Sequence[Launch]:
    """softmax(half, dtype=float32) is one kernel (softmax, log_softmax: half_to_float); others are cast first."""
    source = arguments["input"]
    if source.dtype == torch.float16 and result.dtype == torch.float32:
        return rows.softmax(source, arguments["dim"], result, gpu)
    cast = torch.empty_like(source, dtype=result.dtype, device="meta")
    return [*kernel(COPY, cast, [source], gpu), *rows.softmax(cast, arguments["dim"], result, gpu)]


def _casts(arguments: Arguments) -> bool:
    return arguments["dtype"] not in (None, arguments["input"].dtype)


def _dropout(arguments: Arguments, result: torch.Tensor, gpu: Gpu) -> Sequence[Launch]:
    return drawing.dropped(arguments["input"], result, gpu)


def _drops(arguments: Arguments) -> bool:
    return bool(arguments["training"]) and 0 < arguments["p"] < 1


def _rms_norm(arguments: Arguments, result: torch.Tensor, gpu: Gpu) -> Sequence[Launch]:
    """_fused_rms_norm: the layer norm kernel without a mean (rms_norm_symint)."""
    weight = arguments["weight"]
    columns = torch.Size(arguments["normalized_shape"]).numel()
    return rows.norm(arguments["input"], columns, [] if weight is None else [weight], [result], "rms_norm", gpu)


def _attention(arguments: Arguments, result: torch.Tensor, gpu: Gpu) -> Sequence[Launch]:
    chance, causal = arguments["dropout_p"] or 0.0, bool(arguments["is_causal"])
    query, key, value = arguments["query"], arguments["key"], arguments["value"]
    call = attention.Attention(query, key, value, arguments["attn_mask"], chance, causal)
    return attention.launches_of_attention(call, gpu)


def _assignment(arguments: Arguments, result: object, gpu: Gpu) -> Sequence[Launch]:
    """x[index] = number: the number stays on the host. A mask is filled, a view too, but one element is copied to."""
    target, index = arguments["self"], arguments["index"]
    if isinstance(index, torch.Tensor):
        mask = index.reshape(index.shape + (1,) * (target.dim() - index.dim()))
        return kernel(MASKED_FILL, target, [target, mask], gpu)
    view = target[index]
    return kernel(FILL, view, [], gpu) if view.dim() else [Copy("H2D", view.element_size(), waits=True)]


def _assigns_number(arguments: Arguments) -> bool:
    """Numbers behind tensors of indices are uploaded, as lift_fresh and index_put_ say."""
    index = arguments["index"]
    if not isinstance(arguments["value"], int | float):
        return False
    if isinstance(index, torch.Tensor):
        return index.dtype in (torch.bool, torch.uint8) and index.dim() > 0
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is Ellipsis or type(part) in (int, slice) for part in parts)


def _always(arguments: Arguments) -> bool:
    return True


_SOFTMAX = Composite(_softmax, _casts, "aten/src/ATen/native/SoftMax.cpp", ("input", "dim", "dtype"))
_RMS_NORM = ("input", "normalized_shape", "weight", "eps")
_SDPA = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")

RULES: dict[Callable, Composite] = {
    F.softmax: Composite(_softmax, _casts, "aten/src/ATen/native/SoftMax.cpp"),
    torch.softmax: _SOFTMAX,
    torch.Tensor.softmax: _SOFTMAX,
    F.log_softmax: Composite(_softmax, _casts, "aten/src/ATen/native/SoftMax.cpp"),
    torch.log_softmax: _SOFTMAX,
    torch.Tensor.log_softmax: _SOFTMAX,
    F.dropout: Composite(_dropout, _drops, "aten/src/ATen/native/Dropout.cpp"),
    torch.dropout: Composite(_dropout, _drops, "aten/src/ATen/native/Dropout.cpp", ("input", "p", "training")),
    F.rms_norm: Composite(_rms_norm, _always, "aten/src/ATen/native/layer_norm.cpp"),
    torch.rms_norm: Composite(_rms_norm, _always, "aten/src/ATen/native/layer_norm.cpp", _RMS_NORM),
    torch.Tensor.__setitem__: Composite(
        _assignment, _assigns_number, "torch/csrc/autograd/python_variable_indexing.cpp", ("self", "index", "value")
    ),
    F.scaled_dot_product_attention: Composite(_attention, _always, attention.SOURCE, _SDPA),
}
