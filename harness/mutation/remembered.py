"""A suite whose inputs and references are computed once, however many mutants are checked on it.

In: a suite. Out: the same suite with a memory: neither inputs nor references depend on the kernels. What is remembered
is handed out as it is; a process that is forked for each mutant gets its own copy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import update_wrapper
from typing import Any

from harness.case import Case
from harness.equality.tensors import tensors_in
from harness.suite import Suite


def remembering(suite: Suite) -> Suite:
    """The suite with both functions remembered."""
    return replace(suite, make_inputs=_Inputs(suite.make_inputs), reference=_Reference(suite.reference))


class _Inputs:
    def __init__(self, make: Callable[[Case], Any]) -> None:
        self._make, self._made = make, dict[tuple[str, int], Any]()

    def __call__(self, case: Case) -> Any:
        key = (repr(case), case.seed)
        if key not in self._made:
            self._made[key] = self._make(case)
        return self._made[key]


class _Reference:
    """Knows a call by the content of its arguments, so that it is right whatever a check asks for."""

    def __init__(self, reference: Callable[..., Any]) -> None:
        self._reference, self._known = reference, dict[str, Any]()
        update_wrapper(self, reference)  # a check asks for the names of its parameters

    def __call__(self, *inputs: Any) -> Any:
        key = _digest(inputs)
        if key not in self._known:
            self._known[key] = self._reference(*inputs)
        return self._known[key]


def _digest(inputs: tuple[Any, ...]) -> str:
    import torch

    digest = hashlib.blake2b(digest_size=16)

    def shape(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return str(value.dtype), tuple(value.shape), value.stride()
        if isinstance(value, tuple | list):
            return [shape(item) for item in value]
        if isinstance(value, dict):
            return {key: shape(item) for key, item in value.items()}
        return value

    digest.update(repr(shape(inputs)).encode())
    for _, tensor in tensors_in(inputs, "input"):
        dense = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
        digest.update(dense.numpy().data)
    return digest.hexdigest()
