"""Records torch operators on CPU tensors as the launches that PyTorch's CUDA backend would make of them.

In: torch code run inside `with torch_launches(clock)`. Out: activities on the clock. Nothing is counted twice:
operators are seen once, after composite ones are decomposed; kernels that PyCUDA launches never pass here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from harness.timing.torch_launches import composites, table
from harness.timing.torch_launches.charge import charge
from harness.timing.torch_launches.operator import OperatorCall
from harness.vgpu.clock import Clock


@contextmanager
def torch_launches(clock: Clock) -> Iterator[None]:
    """While entered, torch operators cost time on `clock`, the host's and the device's."""
    with _Operators(clock) as operators, _Functions(clock, operators):
        yield


class _Operators(TorchDispatchMode):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.silent = False  # inside a function that is charged as a whole

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if self.silent:
            return func(*args, **kwargs)
        rule = None if _is_composite(func) else table.find(func)
        if rule is None:
            return self._decomposed(func, args, kwargs)
        result = func(*args, **kwargs)
        charge(self._clock, rule.cost, rule.launches(OperatorCall(func, args, kwargs, result), self._clock.gpu))
        return result

    def _decomposed(self, func: Any, args: tuple, kwargs: dict) -> Any:
        """A composite operator arrives whole in inference mode; run it as the operators that it is made of."""
        if _is_composite(func):
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        raise table.missing(func, args, kwargs)


class _Functions(TorchFunctionMode):
    def __init__(self, clock: Clock, operators: _Operators) -> None:
        super().__init__()
        self._clock = clock
        self._operators = operators

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        found = composites.RULES.get(func)
        if found is None:
            return func(*args, **kwargs)
        arguments = found.bind(func, args, kwargs)
        if not found.applies(arguments):
            return func(*args, **kwargs)
        self._operators.silent = True
        try:
            result = func(*args, **kwargs)
        finally:
            self._operators.silent = False
        charge(self._clock, "operator", found.launches(arguments, result, self._clock.gpu))
        return result


def _is_composite(func: Any) -> bool:
    """Whether the operator is defined by others for every backend (CompositeImplicitAutograd)."""
    return func._can_decompose() and torch._C._dispatch_has_kernel_for_dispatch_key(
        func.name(), torch._C.DispatchKey.CompositeImplicitAutograd
    )
