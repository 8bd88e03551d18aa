"""Literals and constant expressions (PTX ISA, section 4.5).

In: tokens. Out: `Integer` and `Float` operands. Integer expressions are folded without bounds; who uses the
value cuts it to the width that the instruction asks for.
"""

from __future__ import annotations

import operator
import re
import struct
from collections.abc import Callable
from functools import lru_cache

from harness.vgpu.ptx.program import Float, Integer
from harness.vgpu.ptx.tokens import Cursor

WARP_SIZE = 32

_INTEGER = re.compile(r"0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*")
_FLOAT_BITS = re.compile(r"0[fF]([0-9a-fA-F]{8})|0[dD]([0-9a-fA-F]{16})")
_DECIMAL_FLOAT = re.compile(r"(?=\d|\.\d)(?=.*[.eE])\d*\.?\d*(?:[eE][+-]?\d+)?")
_BASES = {"x": 16, "X": 16, "b": 2, "B": 2}


@lru_cache(maxsize=65536)
def literal(text: str) -> Integer | Float | None:
    """The number that one token spells, or None."""
    if text == "WARP_SZ":
        return Integer(WARP_SIZE)
    digits = text.removesuffix("U")
    if _INTEGER.fullmatch(digits):
        base = _BASES.get(digits[1], 8) if len(digits) > 1 and digits[0] == "0" else 10
        return Integer(int(digits[2:] if base in (2, 16) else digits, base))
    if bits := _FLOAT_BITS.fullmatch(text):
        return Float(int(bits[1], 16), 32) if bits[1] else Float(int(bits[2], 16), 64)
    if _DECIMAL_FLOAT.fullmatch(text):
        return Float(struct.unpack("<Q", struct.pack("<d", float(text)))[0], 64)
    return None


def constant(cursor: Cursor) -> Integer | Float:
    """A constant expression that starts at the cursor. The only operator on floats is a decimal one's sign."""
    sign = cursor.peek() in ("-", "+")
    found = literal(cursor.texts[cursor.at + sign])
    if not isinstance(found, Float):
        return Integer(integer(cursor))
    negative = cursor.peek() == "-"
    cursor.at += sign
    if sign and _FLOAT_BITS.fullmatch(cursor.peek()):
        cursor.fail("the bits of a float take no sign")
    cursor.at += 1
    return Float(found.bits ^ (1 << 63), 64) if negative else found


def integer(cursor: Cursor) -> int:
    """An integer constant expression that starts at the cursor, folded."""
    condition = _binary(cursor, 0)
    if not cursor.accept("?"):
        return condition
    chosen = integer(cursor)
    cursor.expect(":")
    other = integer(cursor)
    return chosen if condition else other


def starts_constant(text: str) -> bool:
    """Whether a token can start a constant expression."""
    return text in ("-", "+", "~", "(", "!") or literal(text) is not None


def _quotient(left: int, right: int) -> int:
    """Division as in C: towards zero."""
    size = abs(left) // abs(right)
    return size if (left < 0) == (right < 0) else -size


_LEVELS: tuple[dict[str, Callable[[int, int], int]], ...] = (
    {"||": lambda a, b: int(bool(a) or bool(b))},
    {"&&": lambda a, b: int(bool(a) and bool(b))},
    {"|": operator.or_},
    {"^": operator.xor},
    {"&": operator.and_},
    {"==": operator.eq, "!=": operator.ne},
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge},  # a bool is an int: 0 or 1
    {"<<": lambda a, b: a << (b & 63), ">>": lambda a, b: a >> (b & 63)},
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": _quotient, "%": lambda a, b: a - b * _quotient(a, b)},
)  # fmt: skip
"""Binary operators, from the loosest to the tightest."""


def _binary(cursor: Cursor, level: int) -> int:
    if level == len(_LEVELS):
        return _unary(cursor)
    left = _binary(cursor, level + 1)
    while (text := cursor.peek()) in _LEVELS[level]:
        cursor.at += 1
        right = _binary(cursor, level + 1)
        if text in ("/", "%") and right == 0:
            cursor.fail("a constant is divided by zero")
        left = int(_LEVELS[level][text](left, right))
    return left


def _unary(cursor: Cursor) -> int:
    text = cursor.take()
    if text == "-":
        return -_unary(cursor)
    if text == "+":
        return _unary(cursor)
    if text == "~":
        return ~_unary(cursor)
    if text == "!":
        return int(not _unary(cursor))
    if text == "(":
        cast = cursor.peek()
        if cast in (".s64", ".u64"):
            cursor.at += 1
            cursor.expect(")")
            return _cast(_unary(cursor), signed=cast == ".s64")
        value = integer(cursor)
        cursor.expect(")")
        return value
    found = literal(text)
    if isinstance(found, Integer):
        return found.value
    cursor.at -= 1
    return cursor.fail(f"expected an integer, found '{text}'")


def _cast(value: int, signed: bool) -> int:
    value &= 2**64 - 1
    return value - 2**64 if signed and value >= 2**63 else value
