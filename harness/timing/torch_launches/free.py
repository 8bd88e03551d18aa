"""Operators that launch nothing: views, metadata, and allocations from the caching allocator."""

from __future__ import annotations

import torch

from harness.timing.torch_launches.rule import Rule, nothing

_VIEWS = (
    "_unsafe_view alias detach set_ squeeze_ unsqueeze_ t_ "
    "transpose_ is_same_size split split_with_sizes unsafe_split unsafe_split_with_sizes unsafe_chunk"
)
_ALLOCATIONS = "empty empty_permuted empty_like empty_strided new_empty new_empty_strided"

VIEW = Rule(nothing, "aten/src/ATen/native/TensorShape.cpp", cost="view")
PROFILER = Rule(nothing, "torch/csrc/autograd/record_function_ops.cpp", cost="view")  # a name around other operators
_ALLOCATION = Rule(nothing, "aten/src/ATen/native/cuda/TensorFactories.cu", cost="allocation")


def rules() -> dict[str, Rule]:
    """Those that cannot be told from their schema, by name."""
    grown = Rule(nothing, "aten/src/ATen/native/cuda/Resize.cpp", form="memcpy?")  # storage that must grow is copied
    return {"resize_": grown} | dict.fromkeys(_VIEWS.split(), VIEW) | dict.fromkeys(_ALLOCATIONS.split(), _ALLOCATION)


def is_view(operator: torch._ops.OpOverload) -> bool:
    """Whether each tensor that the operator returns aliases an argument, and none is written."""
    schema = operator._schema
    aliases = [returned.alias_info for returned in schema.returns]
    reads_only = not any(argument.alias_info and argument.alias_info.is_write for argument in schema.arguments)
    return bool(aliases) and reads_only and all(alias is not None for alias in aliases)
