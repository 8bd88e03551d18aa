"""What a rule expects of a recorded call: its arguments become meta tensors, and the operator is asked.

In: a recorded operator. Out: the launches of its rule, or None where the recording does not hold what the rule needs.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from harness.errors import FuseproofError
from harness.timing.torch_launches import table
from harness.timing.torch_launches.agreement.traced import Argument, Operator
from harness.timing.torch_launches.composed import launches_of
from harness.timing.torch_launches.launch import Launch
from harness.timing.torch_launches.recording import is_composite
from harness.timing.torch_launches.rule import Rule
from harness.vgpu.gpus import Gpu

_DTYPES = {
    "float": torch.float32, "double": torch.float64, "c10::Half": torch.float16, "c10::BFloat16": torch.bfloat16,
    "int": torch.int32, "long": torch.int64, "long int": torch.int64, "bool": torch.bool, "unsigned char": torch.uint8,
    "signed char": torch.int8, "short": torch.int16, "short int": torch.int16,
}  # fmt: skip
_ANY_NUMBER = 3  # none that a rule treats apart, as pow does 0 and 1
_NUMBERS = ("number", "Scalar", "float")


@dataclass(frozen=True, slots=True)
class Candidate:
    """The operator that was called, as far as its name and inputs tell, and its rule."""

    overload: Any
    rule: Rule


def candidate(operator: Operator) -> Candidate | None:
    """None where there is no rule, or where the operator is defined by others, which have their own."""
    packet = getattr(torch.ops.aten, operator.name.removeprefix("aten::"), None)
    if not operator.name.startswith("aten::") or packet is None:
        return None
    inside = operator.arguments is None and any(child.everything() for child in operator.children)
    overload = _overload(packet, operator.arguments, inside)
    rule = table.find(overload) if overload and not is_composite(overload) else None
    return Candidate(overload, rule) if rule else None


@cache
def _overload(packet: Any, arguments: tuple[Argument, ...] | None, inside: bool) -> Any:
    """The overload that the inputs fit. Without inputs, one that others define where those launched, else its own."""
    named = (getattr(packet, name) for name in packet.overloads())
    overloads = [each for each in named if each.name() in _dispatched()]
    if arguments is not None:
        fitting = [each for each in overloads if _fits(each._schema.arguments, arguments)]
        if fitting:
            return fitting[0]
    elif inside and any(map(is_composite, overloads)):
        return next(filter(is_composite, overloads))
    return next((each for each in overloads if not is_composite(each)), None)


@cache
def _dispatched() -> frozenset[str]:
    """Operators of the dispatcher; TorchScript's own are none."""
    return frozenset(torch._C._dispatch_get_all_op_names())


def _fits(expected: Sequence[Any], given: Sequence[Argument]) -> bool:
    if len(expected) != len(given):
        return False
    return all(_takes(str(each.type), one) for each, one in zip(expected, given, strict=True))


def _takes(expected: str, given: Argument) -> bool:
    if expected.startswith("Optional") and given.type == "":
        return True
    if "List[" in expected and "Tensor" in expected:
        return given.type == "TensorList" or _is_list(given)
    if "Tensor" in expected:
        return given.type in _DTYPES or given.type == ""
    return given.type not in _DTYPES


def _is_list(given: Argument) -> bool:
    return bool(given.shape) and isinstance(given.shape[0], tuple)


class Replay:
    """The rules asked for one GPU; calls with equal arguments are asked once."""

    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        self._known: dict[tuple[Candidate, tuple[Argument, ...]], list[Launch] | None] = {}

    def __call__(self, operator: Operator, found: Candidate) -> tuple[list[Launch], bool] | None:
        """The rule's launches and whether strides were recorded; None where something that decides was not."""
        if operator.arguments is None:
            return None
        key = (found, operator.arguments)
        if key not in self._known:
            self._known[key] = _replayed(*key, self._gpu)
        launches = self._known[key]
        return None if launches is None else (launches, all(each.strides is not None for each in operator.arguments))


def _replayed(found: Candidate, arguments: tuple[Argument, ...], gpu: Gpu) -> list[Launch] | None:
    schema = found.overload._schema.arguments
    if not _fits(schema, arguments):
        return None
    try:
        values = [_value(each, given) for each, given in zip(schema, arguments, strict=True)]
        positional = [value for each, value in zip(schema, values, strict=True) if not each.kwarg_only]
        named = {each.name: value for each, value in zip(schema, values, strict=True) if each.kwarg_only}
        return launches_of(lambda: found.overload(*positional, **named), gpu)
    except (_Unknown, FuseproofError, RuntimeError, NotImplementedError, TypeError, ValueError, IndexError):
        return None  # the shape alone is not enough, or PyTorch has no shapes of this operator: its form is left


class _Unknown(Exception):
    """A value that the profiler did not record and that a rule may depend on."""


def _value(expected: Any, given: Argument) -> Any:
    kind = str(expected.type)
    if given.type in _DTYPES:
        return _tensor(given)
    if "Tensor" in kind:
        if "List" in kind:
            raise _Unknown
        return None
    if given.value not in (None, ""):
        return _literal(given.value)
    if given.type == "" and (kind.startswith("Optional") or expected.has_default_value()):
        return expected.default_value
    if any(name in kind for name in _NUMBERS) and "List" not in kind:
        return expected.default_value if expected.has_default_value() else _ANY_NUMBER
    if kind == "bool" and expected.has_default_value():
        return expected.default_value
    raise _Unknown


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        raise _Unknown from None


def _tensor(given: Argument) -> torch.Tensor:
    dtype = _DTYPES[given.type]
    if given.strides is None:
        return torch.empty(given.shape, dtype=dtype, device="meta")
    return torch.empty_strided(given.shape, given.strides, dtype=dtype, device="meta")
