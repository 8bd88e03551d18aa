"""Records torch operators on CPU tensors as the launches that PyTorch's CUDA backend would make of them.

In: torch code run inside `with torch_launches(clock)`. Out: activities on the clock. Nothing is counted twice:
operators are seen once, after composite ones are decomposed; kernels that PyCUDA launches never pass here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.overrides import TorchFunctionMode

from harness.timing.torch_launches import composites
from harness.timing.torch_launches.charge import charge
from harness.timing.torch_launches.recording import Recording
from harness.vgpu.clock import Clock


@contextmanager
def torch_launches(clock: Clock) -> Iterator[None]:
    """While entered, torch operators cost time on `clock`, the host's and the device's."""
    operators = Recording(clock.gpu, lambda rule, launches: charge(clock, rule.cost, launches))
    with operators, _Functions(clock, operators):
        yield


class _Functions(TorchFunctionMode):
    def __init__(self, clock: Clock, operators: Recording) -> None:
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
            launches = found.launches(arguments, result, self._clock.gpu)
        finally:
            self._operators.silent = False
        charge(self._clock, "operator", launches)
        return result
