"""Extended-precision arithmetic through the condition code: add.cc, addc, sub.cc, subc, mad.cc, madc (PTX ISA:
Extended-Precision Integer Arithmetic Instructions).

CC.CF is a bit of each lane, kept as one word of the function. PTX promises it only from one instruction to the next.
Behind a subtraction it is the carry of a + ~b + 1, so set where nothing was borrowed: CUDA's own 128-bit division adds
it with addc behind a chain of subc.cc. Between subtractions alone that is the same as a borrow.
"""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import BITS, LANES, llvm_type, splat
from harness.vgpu.jit.rules.access import active_bits
from harness.vgpu.jit.rules.rule import Lower, Rule, RuleTable

SECTION = "Extended-Precision Integer Arithmetic Instructions"


def _cell(c: Context) -> str:
    if "%cc" not in c.cells:
        c.cells["%cc"] = c.e.alloca("carry", "i32")
    return c.cells["%cc"]


def _carry_in(c: Context, scalar: str) -> str:
    bits = c.e.bitcast("i32", c.e.load("i32", _cell(c), 4), "<32 x i1>")
    return c.e.cast("zext", "i1", LANES, bits, scalar)


def _carry_out(c: Context, carry: str) -> str:
    """In the active lanes."""
    new, mask = c.e.bitcast("<32 x i1>", carry, "i32"), active_bits(c)
    old = c.e.load("i32", _cell(c), 4)
    kept = c.e.binary("and", "i32", 1, old, c.e.binary("xor", "i32", 1, mask, "-1"))
    both = c.e.binary("or", "i32", 1, kept, c.e.binary("and", "i32", 1, new, mask))
    c.e.store("i32", both, _cell(c), 4)
    return both


def _sum(c: Context, scalar: str, a: str, b: str, subtract: bool, uses: bool, sets: bool) -> str:
    """a + b + CF or a - (b + 1 - CF); the carry is that of the exact sum, or that nothing was borrowed."""
    operation, type_ = "sub" if subtract else "add", llvm_type(scalar, LANES)

    def step(x: str, y: str) -> tuple[str, str]:
        result = c.e.binary(operation, scalar, LANES, x, y)
        lost = f"icmp ult {type_} {x}, {y}" if subtract else f"icmp ult {type_} {result}, {x}"
        return result, c.e.let(lost)

    result, carry = step(a, b)
    if uses:
        taken = _carry_in(c, scalar)
        if subtract:
            taken = c.e.binary("xor", scalar, LANES, taken, splat(scalar, 1, LANES))
        result, second = step(result, taken)
        carry = c.e.binary("or", "i1", LANES, carry, second)
    if sets:
        if subtract:
            carry = c.e.binary("xor", "i1", LANES, carry, splat("i1", "true", LANES))
        _carry_out(c, carry)
    return result


def _add(scalar: str, subtract: bool, uses: bool, sets: bool) -> Lower:
    def lower(c: Context) -> None:
        d, *operands = c.instruction.operands
        a, b = (c.get(o, scalar, lanes=LANES) for o in operands)
        c.put(d, _sum(c, scalar, a, b, subtract, uses, sets), scalar, lanes=LANES)

    return lower


def _mad(scalar: str, signed: bool, high: bool, uses: bool, sets: bool) -> Lower:
    def lower(c: Context) -> None:
        d, *operands = c.instruction.operands
        a, b, addend = (c.get(o, scalar, lanes=LANES) for o in operands)
        if high:
            wide = f"i{2 * BITS[scalar]}"
            x, y = (c.e.cast("sext" if signed else "zext", scalar, LANES, v, wide) for v in (a, b))
            product = c.e.binary("mul", wide, LANES, x, y)
            product = c.e.binary("lshr", wide, LANES, product, splat(wide, BITS[scalar], LANES))
            product = c.e.cast("trunc", wide, LANES, product, scalar)
        else:
            product = c.e.binary("mul", scalar, LANES, a, b)
        c.put(d, _sum(c, scalar, product, addend, False, uses, sets), scalar, lanes=LANES)

    return lower


def _table() -> RuleTable:
    rules: RuleTable = {}
    for bits in (32, 64):
        for sign in "us":
            type_, scalar = f"{sign}{bits}", f"i{bits}"
            for name, uses, sets in (("{0}.cc", False, True), ("{0}c", True, False), ("{0}c.cc", True, True)):
                for operation in ("add", "sub"):
                    form = f"{name.format(operation)}.{type_}"
                    rules[form] = Rule(_add(scalar, operation == "sub", uses, sets), SECTION, "int")
                for half in ("lo", "hi"):
                    opcode, *cc = name.format("mad").split(".")
                    form = ".".join((opcode, half, *cc, type_))
                    rules[form] = Rule(_mad(scalar, sign == "s", half == "hi", uses, sets), SECTION, "int")
    return rules


RULES = _table()
