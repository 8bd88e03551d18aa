"""cvt.pack, vectors of registers in mov, and lop3 with a predicate (PTX ISA: Data Movement and Conversion Instructions:
cvt.pack, mov; Logic and Shift Instructions: lop3). Compilers do not write them, inline assembly does.
"""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import llvm_type, splat
from harness.vgpu.jit.rules import integer
from harness.vgpu.jit.rules.rule import LLVM_INTEGER, Lower, Rule, RuleTable
from harness.vgpu.ptx.program import Pair, Vector

PACK = "Data Movement and Conversion Instructions: cvt.pack"
MOVE = "Data Movement and Conversion Instructions: mov"
LOGIC = "Logic and Shift Instructions: lop3"


def _pack(bits: int, signed: bool) -> Lower:
    """a above b, each clamped to its bits; where room is left, the third operand stands above them."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)

    def lower(c: Context) -> None:
        d, *operands = c.instruction.operands
        total = splat("i32", 0, c.lanes)
        for operand, place in zip(operands, (bits, 0, 2 * bits), strict=False):
            value = c.get(operand, "i32")
            if place < 2 * bits:
                value = c.e.intrinsic("smax", "i32", c.lanes, value, splat("i32", low, c.lanes))
                value = c.e.intrinsic("smin", "i32", c.lanes, value, splat("i32", high, c.lanes))
                value = c.e.binary("and", "i32", c.lanes, value, splat("i32", (1 << bits) - 1, c.lanes))
            placed = c.e.binary("shl", "i32", c.lanes, value, splat("i32", place, c.lanes))
            total = c.e.binary("or", "i32", c.lanes, total, placed)
        c.put(d, total, "i32")

    return lower


def _move_vector(scalar: str) -> Lower:
    def lower(c: Context) -> None:
        d, a = c.instruction.operands
        if not (isinstance(d, Vector) and isinstance(a, Vector) and len(d.elements) == len(a.elements)):
            c.unsupported("a vector and something else")
        values = [c.get(element, scalar) for element in a.elements]  # all are read before one is written
        for element, value in zip(d.elements, values, strict=True):
            c.put(element, value, scalar)

    return lower


def _lop3(operation: str) -> Lower:
    """lop3.{or,and}.b32 d|p, a, b, c, table, q: p tells whether d is not 0, or or and q."""

    def lower(c: Context) -> None:
        d, *operands, table, other = c.instruction.operands
        result = integer.lop3(c, [c.get(o, "i32") for o in operands], table)
        differs = c.e.let(f"icmp ne {llvm_type('i32', c.lanes)} {result}, {splat('i32', 0, c.lanes)}")
        holds = c.e.binary(operation, "i1", c.lanes, differs, c.get(other, "i1"))
        if not isinstance(d, Pair):
            c.unsupported("one destination where there are two")
        c.put(d.first, result, "i32")
        c.put(d.second, holds, "i1")

    return lower


def _table() -> RuleTable:
    rules: RuleTable = {}
    for bits in (2, 4, 8, 16):
        for sign in "us":
            form = f"cvt.pack.sat.{sign}{bits}.s32" + ("" if bits == 16 else ".b32")
            rules[form] = Rule(_pack(bits, sign == "s"), PACK, "int")
    types = [*(f"{sign}{bits}" for sign in "bus" for bits in (16, 32, 64)), "f32", "f64"]
    for type_ in types:
        scalar = LLVM_INTEGER[f"b{type_[1:]}"]
        for count in (2, 4):
            rules[f"mov.v{count}.{type_}"] = Rule(_move_vector(scalar), MOVE, "int")
    for operation in ("or", "and"):
        rules[f"lop3.{operation}.b32"] = Rule(_lop3(operation), LOGIC, "int")
    return rules


RULES = _table()
