"""Sees each operator of torch code once and asks its rule what it launches.

In: torch code run while the mode is entered. Out: calls of `operator(rule, launches)`. Composite operators are
decomposed first, as they are before CUDA's kernels are chosen; an operator without a rule is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from harness.timing.torch_launches import table
from harness.timing.torch_launches.launch import Launch
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Rule
from harness.vgpu.gpus import Gpu

# composite but where a backend has its own kernel, as CUDA has: native_functions.yaml
_OWN_ON_CUDA = {"aten::silu_backward", "aten::mish_backward", "aten::_fused_rms_norm"}

Sink: TypeAlias = Callable[[Rule, Sequence[Launch]], None]


class Recording(TorchDispatchMode):
    """`silent` while inside a function that is charged as a whole."""

    def __init__(self, gpu: Gpu, sink: Sink) -> None:
        super().__init__()
        self._gpu, self._sink = gpu, sink
        self.silent = False

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if self.silent:
            return func(*args, **kwargs)
        rule = None if is_composite(func) else table.find(func)
        if rule is None:
            return self._decomposed(func, args, kwargs)
        result = rule.result(func, args, kwargs)
        self._sink(rule, rule.launches(OperatorCall(func, args, kwargs, result), self._gpu))
        return result

    def _decomposed(self, func: Any, args: tuple, kwargs: dict) -> Any:
        """A composite operator arrives whole in inference mode; run it as the operators that it is made of."""
        if is_composite(func):
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        raise table.missing(func, args, kwargs)


def is_composite(func: Any) -> bool:
    """Whether the operator is defined by others on CUDA (CompositeImplicitAutograd)."""
    if func._schema.name in _OWN_ON_CUDA:
        return False
    return func._can_decompose() and torch._C._dispatch_has_kernel_for_dispatch_key(
        func.name(), torch._C.DispatchKey.CompositeImplicitAutograd
    )
