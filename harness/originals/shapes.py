"""Tensors without memory, whose operators are asked once what shape they give.

In: torch code run on meta tensors while the mode is entered. Out: the same shapes, strides and dtypes as without it. A
decoding calls the same few operators at every step, and PyTorch works out their shapes in Python, which takes long.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from torch.utils._python_dispatch import TorchDispatchMode

Described: TypeAlias = tuple[torch.Size, tuple[int, ...], torch.dtype]


class RememberedShapes(TorchDispatchMode):
    """Operators that return new tensors of shapes known from an earlier call are not called again."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[Any, Described | tuple[Described, ...]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if not _makes_new_tensors(func):
            return func(*args, **kwargs)
        key = func, _key(args), _key(kwargs)
        if known := self._known.get(key):
            return _new(known) if isinstance(known[0], torch.Size) else tuple(_new(each) for each in known)
        result = func(*args, **kwargs)
        made = result if isinstance(result, tuple) else (result,)
        if all(isinstance(each, torch.Tensor) and each.is_meta for each in made):
            described = tuple((each.shape, each.stride(), each.dtype) for each in made)
            self._known[key] = described if isinstance(result, tuple) else described[0]
        return result


def _makes_new_tensors(func: Any) -> bool:
    """Neither views of its arguments nor these themselves, changed."""
    return not any(each.alias_info for each in (*func._schema.arguments, *func._schema.returns))


def _key(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.shape, value.stride(), value.dtype, value.device
    if isinstance(value, dict):
        return tuple((name, _key(each)) for name, each in value.items())
    if isinstance(value, list | tuple):
        return tuple(_key(each) for each in value)
    return type(value), value  # 1 and 1.0 and True are equal, and promote to other dtypes


def _new(described: Described) -> torch.Tensor:
    shape, stride, dtype = described
    return torch.empty_strided(shape, stride, dtype=dtype, device="meta")
