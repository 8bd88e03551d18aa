"""Shapes without numbers: what a function launches does not depend on what its matrix products come to.

In: torch code run while the mode is entered. Out: zeros for every matrix product, whose launches are recorded as usual.
A table of large sizes then takes minutes on a CPU instead of days; its kernels still run, to be counted.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_PRODUCTS = {"mm", "bmm", "addmm", "baddbmm", "_addmm_activation"}


class UncomputedProducts(TorchDispatchMode):
    """Zeros, not arbitrary memory: kernels choose tokens by what they read, and read what tokens point at."""

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func._schema.name.removeprefix("aten::") not in _PRODUCTS or "out" in func._overloadname:
            return func(*args, **(kwargs or {}))
        meta = func(*_on_meta(args), **_on_meta(kwargs or {}))
        return torch.zeros(meta.shape, dtype=meta.dtype, device=_device(args))


def _on_meta(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
    if isinstance(value, dict):
        return {name: _on_meta(each) for name, each in value.items()}
    return type(value)(_on_meta(each) for each in value) if isinstance(value, list | tuple) else value


def _device(args: tuple) -> torch.device:
    return next(arg.device for arg in args if isinstance(arg, torch.Tensor))
