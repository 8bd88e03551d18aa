"""SIMD video instructions without lane selection, as nvcc writes them for __vsadu4 and its like (PTX ISA: Video
Instructions: vadd2, vadd4, vabsdiff4, ...).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import splat
from harness.vgpu.jit.rules.rule import Lower, Rule, RuleTable

VIDEO = "Video Instructions"

Combine = Callable[[Context, str, str], str]


def _binary(operation: str) -> Combine:
    return lambda c, x, y: c.e.binary(operation, "i32", c.lanes, x, y)


def _extreme(operation: str) -> Combine:
    return lambda c, x, y: c.e.intrinsic(operation, "i32", c.lanes, x, y)


def _distance(c: Context, x: str, y: str) -> str:
    return c.e.intrinsic("abs", "i32", c.lanes, c.e.binary("sub", "i32", c.lanes, x, y), extra="false")


def _average(c: Context, x: str, y: str) -> str:
    """Halves are rounded away from zero."""
    n, total = c.lanes, c.e.binary("add", "i32", c.lanes, x, y)
    negative = c.e.binary("lshr", "i32", n, total, splat("i32", 31, n))
    up = c.e.binary("xor", "i32", n, negative, splat("i32", 1, n))
    return c.e.binary("ashr", "i32", n, c.e.binary("add", "i32", n, total, up), splat("i32", 1, n))


OPERATIONS: dict[str, Combine] = {
    "vadd": _binary("add"), "vsub": _binary("sub"), "vavrg": _average, "vabsdiff": _distance,
    "vmin": _extreme("smin"), "vmax": _extreme("smax"),
}  # fmt: skip


def _field(c: Context, value: str, bits: int, number: int, signed: bool) -> str:
    left, right = 32 - bits * (number + 1), 32 - bits
    moved = c.e.binary("shl", "i32", c.lanes, value, splat("i32", left, c.lanes)) if left else value
    return c.e.binary("ashr" if signed else "lshr", "i32", c.lanes, moved, splat("i32", right, c.lanes))


def _simd(combine: Combine, bits: int, types: tuple[str, ...], second: str) -> Lower:
    """Each field extended, combined, and put back: modulo, with .sat clamped; with .add all are added to c."""
    signed = [type_ == "s32" for type_ in types]

    def lower(c: Context) -> None:
        d, first, other, third = c.instruction.operands
        n, a, b = c.lanes, c.get(first, "i32"), c.get(other, "i32")
        result = c.get(third, "i32") if second == "add" else splat("i32", 0, n)
        for number in range(32 // bits):
            value = combine(c, _field(c, a, bits, number, signed[1]), _field(c, b, bits, number, signed[2]))
            if second == "add":
                result = c.e.binary("add", "i32", n, result, value)
                continue
            if second == "sat":
                low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed[0] else (0, (1 << bits) - 1)
                value = c.e.intrinsic("smin", "i32", n, value, splat("i32", high, n))
                value = c.e.intrinsic("smax", "i32", n, value, splat("i32", low, n))
            kept = c.e.binary("and", "i32", n, value, splat("i32", (1 << bits) - 1, n))
            moved = c.e.binary("shl", "i32", n, kept, splat("i32", bits * number, n)) if number else kept
            result = c.e.binary("or", "i32", n, result, moved)
        c.put(d, result, "i32")

    return lower


def _table() -> RuleTable:
    rules: RuleTable = {}
    for (name, combine), bits, types in product(OPERATIONS.items(), (8, 16), product(("u32", "s32"), repeat=3)):
        for second in ("", "sat", "add"):
            form = ".".join((f"{name}{32 // bits}", *types, *([second] if second else [])))
            rules[form] = Rule(_simd(combine, bits, types, second), VIDEO, "int")
    return rules


RULES = _table()
