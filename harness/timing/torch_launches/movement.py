"""Operators that move data: copies, casts, concatenations, repetitions, and those that only write.

A copy of one dtype between equally laid out tensors is a memcpy, any other one a kernel:
aten/src/ATen/native/cuda/Copy.cu (copy_device_to_device).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from harness.timing.torch_launches import pointwise
from harness.timing.torch_launches.functors import COPY, FILL, MASKED_FILL
from harness.timing.torch_launches.launch import Copy, Launch
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.pointwise import copied
from harness.timing.torch_launches.rule import Rule
from harness.timing.torch_launches.sweep import nbytes, sweep
from harness.vgpu.gpus import Gpu

_NATIVE = "aten/src/ATen/native/"
_CUDA = _NATIVE + "cuda/"
_CAT_BATCH, _CAT_DIMENSIONS, _CAT_ALIGNMENT = 128, 4, 16  # CAT_ARRAY_BATCH_SIZE, CAT_ARRAY_MAX_INPUT_DIMS
COPY_FORM = "memcpy|elementwise"
_FACTORIES = "zeros ones full zeros_like ones_like full_like scalar_tensor new_zeros new_ones new_full"


def rules() -> dict[str, Rule]:
    fill = Rule(_fill, FILL.source, form="elementwise?")
    triangle = Rule(_triangle, _CUDA + "TriangularOps.cu", form="triu_tril_kernel")
    return {
        "copy": Rule(_copy, COPY.source, form=COPY_FORM),
        "clone": Rule(_clone, _NATIVE + "TensorFactories.cpp", form=COPY_FORM),
        "_to_copy": Rule(_clone, _NATIVE + "TensorConversions.cpp", form=COPY_FORM),
        "lift_fresh": Rule(_upload, COPY.source, form="memcpy"),
        "_local_scalar_dense": Rule(_read_scalar, _CUDA + "CUDAScalar.cu", form="memcpy", result=_value),
        **dict.fromkeys(("fill", "zero"), fill),
        **dict.fromkeys(_FACTORIES.split(), Rule(_fill, _NATIVE + "TensorFactories.cpp", form="elementwise?")),
        "arange": _generated("arange"),
        "linspace": _generated("linspace"),
        "logspace": _generated("logspace"),
        "eye": Rule(_eye, _CUDA + "TensorFactories.cu", form="elementwise elementwise"),
        "tril": triangle,
        "tril_indices": _generated("tril_indices", "TensorFactories.cu"),
        "triu_indices": _generated("triu_indices", "TensorFactories.cu"),
        "triu": triangle,
        "masked_fill_": Rule(_masked_fill_in_place, MASKED_FILL.source, form="memcpy? elementwise"),
        "masked_fill": Rule(
            _masked_fill, _NATIVE + "TensorAdvancedIndexing.cpp", form="memcpy|elementwise memcpy? elementwise"
        ),
        "cat": Rule(_cat, _CUDA + "Shape.cu", form="cat+|memcpy+|elementwise+"),
        "stack": Rule(_cat, _NATIVE + "TensorShape.cpp", form="cat+|memcpy+|elementwise+"),
        "repeat": Rule(_repeat, _NATIVE + "TensorShape.cpp", form="elementwise"),
        "flip": Rule(_flip, _CUDA + "TensorTransformations.cu", form="elementwise"),
        "roll": Rule(_roll, _CUDA + "TensorTransformations.cu", form="roll_cuda_kernel+"),
    }


def made_contiguous(tensor: torch.Tensor, gpu: Gpu) -> list[Launch]:
    """What `tensor.contiguous()` launches: nothing where it is."""
    return [] if tensor.is_contiguous() else copied(tensor, _like(tensor, tensor.dtype), gpu)


def is_in_place(call: OperatorCall) -> bool:
    """Whether the operator writes its first argument, so that nothing is copied first."""
    return call.name.endswith("_") and not call.name.endswith("__")


def _copy(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    return copied(call["src"], call["self"], gpu)


def _clone(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    return copied(call["self"], call.output, gpu)


def _upload(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """torch.tensor(...): the data comes from the host."""
    return [Copy("H2D", nbytes(call.output), waits=True)]


def _read_scalar(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """tensor.item(): the host waits for the value."""
    return [Copy("D2H", call["self"].element_size(), waits=True)]


def _value(operator: Any, args: tuple, kwargs: dict) -> Any:
    """A shape has no value; where one is asked for in a rule, any will do."""
    return args[0].dtype.is_floating_point * 1.0 if args[0].is_meta else operator(*args, **kwargs)


def _fill(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    return pointwise.kernel(FILL, call.output, [], gpu)


def _masked_fill_in_place(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """One kernel; a value that is a tensor is read by the host first (masked_fill__cuda)."""
    value = call["value"]
    read = [Copy("D2H", value.element_size(), waits=True)] if isinstance(value, torch.Tensor) else []
    return [*read, *pointwise.kernel(MASKED_FILL, call.output, [call["self"], call["mask"]], gpu)]


def _masked_fill(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """A clone of the (expanded) input, then masked_fill_ on it."""
    expanded = call["self"].expand(call.output.shape)
    return [*copied(expanded, call.output, gpu), *_masked_fill_in_place(call, gpu)]


def _triangle(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """One kernel, several elements a thread; rows that have none of the triangle are not read."""
    output = call.output
    return sweep("triu_tril_kernel", output.numel(), read=nbytes(output) // 2, written=nbytes(output), integers=16)


def _generated(name: str, source: str = "RangeFactories.cu") -> Rule:
    def launches(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
        output = call.output
        return sweep(
            f"elementwise_kernel_with_index<{name}>", output.numel(), written=nbytes(output), integers=2, each=1
        )

    return Rule(launches, _CUDA + source, form="elementwise_kernel_with_index?")


def _eye(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """zero_, then ones on the diagonal."""
    output = call.output
    return [*pointwise.kernel(FILL, output, [], gpu), *pointwise.kernel(FILL, output.diagonal(), [], gpu)]


def _cat(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """One kernel for up to 128 contiguous tensors (64 others) of the output's dtype; else a copy each."""
    parts = [tensor for tensor in call["tensors"] if tensor.numel()]
    output = call.output
    batched = len(parts) > 1 and output.dim() <= _CAT_DIMENSIONS and all(part.dtype == output.dtype for part in parts)
    if not batched:
        return [launch for part in parts for launch in copied(part, _like(part, output.dtype), gpu)]
    contiguous = all(part.is_contiguous() for part in parts)
    batch = _CAT_BATCH if contiguous else _CAT_BATCH // 2
    chunks = [parts[first : first + batch] for first in range(0, len(parts), batch)]
    axis = call["dim"] % output.dim()
    name = "CatArrayBatchedCopy" + (_cat_variant(parts, output, axis) if contiguous else "")
    return [
        launch
        for chunk in chunks
        for launch in sweep(
            name, sum(map(torch.numel, chunk)), read=nbytes(*chunk), written=nbytes(*chunk), integers=12
        )
    ]


def _cat_variant(parts: Sequence[torch.Tensor], output: torch.Tensor, axis: int) -> str:
    """Loads of 16 bytes in and out where every slice is aligned; in only where the type allows; else single ones."""
    item = output.element_size()
    sizes = [item * part.shape[axis:].numel() for part in (*parts, output)]
    if all(size % _CAT_ALIGNMENT == 0 for size in sizes):
        return "_vectorized"
    return "_alignedK_contig" if item in (2, 4, 8) else "_contig"


def _repeat(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """A copy of the expanded input into the unfolded output: one kernel."""
    output = call.output
    name = f"elementwise_kernel<128, 2, {COPY.name}>"
    return sweep(name, output.numel(), read=nbytes(call["self"]), written=nbytes(output), integers=24, each=2)


def _flip(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """flip_kernel_impl: TensorIterator over a negative stride, which no vector load takes."""
    output = call.output
    name = "elementwise_kernel<128, 2, flip_kernel_impl>"
    return sweep(name, output.numel(), read=nbytes(output), written=nbytes(output), integers=18, each=2)


def _roll(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """A kernel for each axis that is rolled; none named, the flattened tensor is (roll_common)."""
    output = call.output
    axes = max(1, len(call["dims"]))
    return sweep("roll_cuda_kernel", output.numel(), read=nbytes(output), written=nbytes(output), each=1) * axes


def _like(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return torch.empty(tensor.shape, dtype=dtype, device="meta")
