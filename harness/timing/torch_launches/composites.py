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
from harness.timing.torch_launches.functors import COPY
from harness.timing.torch_launches.launch import Launch
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
    F.scaled_dot_product_attention: Composite(_attention, _always, attention.SOURCE, _SDPA),
}
