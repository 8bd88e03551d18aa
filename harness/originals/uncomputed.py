"""Shapes without numbers: what a function launches does not depend on what its matrix products come to.

In: torch code run while the mode is entered. Out: zeros for every matrix product, whose launches are recorded as usual.
A table of large sizes then takes minutes on a CPU instead of days; its kernels still run, to be counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

_PRODUCTS = {"mm", "bmm", "addmm", "baddbmm", "_addmm_activation"}


class UncomputedProducts(TorchDispatchMode):
    """Zeros, not arbitrary memory: kernels choose tokens by what they read, and read what tokens point at."""

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func._schema.name.removeprefix("aten::") not in _PRODUCTS or "out" in func._overloadname:
            return func(*args, **(kwargs or {}))
        meta = func(*_on_meta(args), **_on_meta(kwargs or {}))
        return _zeros(meta.shape, meta.dtype, _device(args))


def _zeros(shape: torch.Size, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """On the CPU numpy's: pages of them take memory, and time, only once they are read."""
    if device.type != "cpu":
        return torch.zeros(shape, dtype=dtype, device=device)
    content = np.zeros(shape.numel() * dtype.itemsize, np.uint8)
    return torch.from_numpy(content).view(dtype).view(shape)


def _on_meta(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
    if isinstance(value, dict):
        return {name: _on_meta(each) for name, each in value.items()}
    return type(value)(_on_meta(each) for each in value) if isinstance(value, list | tuple) else value


def _device(args: tuple) -> torch.device:
    return next(arg.device for arg in args if isinstance(arg, torch.Tensor))
