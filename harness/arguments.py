"""The arguments of a launch, checked against the kernel's parameters and turned into what PyCUDA packs.

In: the parameters of a kernel (`harness.entries`), then the arguments of a call. Out: a struct format once, and at
each call the values for it. A table says what each parameter type takes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from harness.entries import Parameter
from harness.errors import FuseproofError


class ArgumentError(FuseproofError):
    """An argument that its parameter does not take."""


class Rule(NamedTuple):
    """How a parameter type is packed: its struct code, and what turns an argument into a value for it."""

    code: str
    convert: Callable[[Any], Any]
    takes: str


def describe(position: int, arg: Any) -> str:
    """`argument 2, float16[128, 3072]`"""
    if hasattr(arg, "data_ptr"):
        dtype = str(arg.dtype).removeprefix("torch.")
        return f"argument {position}, {dtype}{list(arg.shape)}"
    return f"argument {position}, {arg!r}"


class Packer:
    """Turns the arguments of one kernel's calls into the values of its struct format."""

    def __init__(self, kernel: str, parameters: Sequence[Parameter]) -> None:
        self.kernel = kernel
        self.parameters = tuple(parameters)
        self.rules = [_rule(parameter) for parameter in parameters]
        self.format = _format(parameters, self.rules)

    def values(self, args: Sequence[Any]) -> list[Any]:
        """One value a parameter."""
        if len(args) != len(self.rules):
            raise ArgumentError(f"{self.kernel}: takes {len(self.rules)} arguments, got {len(args)}")
        values = []
        for position, (rule, arg) in enumerate(zip(self.rules, args, strict=True), start=1):
            try:
                values.append(rule.convert(arg))
            except (TypeError, ValueError) as error:
                raise ArgumentError(
                    f"{self.kernel}: {describe(position, arg)}: the parameter takes {rule.takes}"
                ) from error
        return values


def _address(arg: Any) -> int:
    """A tensor's first element, None for a null pointer, or a whole number of 64 bits."""
    if arg is None:
        return 0
    return arg.data_ptr() if hasattr(arg, "data_ptr") else _whole(64)(arg)


def _whole(bits: int) -> Callable[[Any], int]:
    """Whole numbers of `bits` bits, signed or not: PTX writes both as unsigned."""
    mask, lowest = (1 << bits) - 1, -(1 << (bits - 1))

    def convert(arg: Any) -> int:
        value = operator.index(arg)
        if not lowest <= value <= mask:
            raise ValueError(value)
        return value & mask

    return convert


def _real(arg: Any) -> float:
    if hasattr(arg, "data_ptr") or isinstance(arg, str | bytes):
        raise TypeError(arg)
    return float(arg)


_RULES = {
    "u64": Rule("Q", _address, "a tensor, None for a null pointer, or a whole number of 64 bits"),
    "u32": Rule("I", _whole(32), "a whole number of 32 bits"),
    "u16": Rule("H", _whole(16), "a whole number of 16 bits"),
    "u8": Rule("B", _whole(8), "a whole number of 8 bits or a bool"),
    "f32": Rule("f", _real, "a number (float)"),
    "f64": Rule("d", _real, "a number (double)"),
}
_SIGNED_OR_BITS = {"s": "u", "b": "u"}


def _rule(parameter: Parameter) -> Rule:
    kind = _SIGNED_OR_BITS.get(parameter.type[0], parameter.type[0]) + parameter.type[1:]
    if parameter.type == "b8" or kind not in _RULES:
        return _struct(parameter.size)
    return _RULES[kind]


def _struct(size: int) -> Rule:
    """A structure passed by value (`__half` is one of 2 bytes): the caller gives its bytes."""

    def convert(arg: Any) -> bytes:
        content = bytes(memoryview(arg))
        if len(content) != size:
            raise ValueError(len(content))
        return content

    return Rule(f"{size}s", convert, f"the {size} bytes of a structure; a __half is best passed as float")


def _format(parameters: Sequence[Parameter], rules: Sequence[Rule]) -> str:
    """struct's format with every pad byte written out: it aligns numbers as CUDA does, but structures not at all."""
    codes, offset = [], 0
    for parameter, rule in zip(parameters, rules, strict=True):
        padding = -offset % parameter.align
        codes.append("x" * padding + rule.code)
        offset += padding + parameter.size
    return "".join(codes)
