"""Bits and bytes: bfind, fns, prmt, bmsk, szext, cnot (PTX ISA: Integer Arithmetic Instructions; Logic and Shift
Instructions; Data Movement: prmt).
"""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import BITS, llvm_type, splat
from harness.vgpu.jit.rules.rule import LLVM_INTEGER, Lower, Rule, RuleTable

ARITHMETIC = "Integer Arithmetic Instructions"
LOGIC = "Logic and Shift Instructions"
PERMUTE = "Data Movement and Conversion Instructions: prmt"

# which byte of {b, a} each byte of the result is, the lowest first, by the two low bits of the control
MODES = {
    "f4e": ((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (3, 4, 5, 6)),
    "b4e": ((0, 7, 6, 5), (1, 0, 7, 6), (2, 1, 0, 7), (3, 2, 1, 0)),
    "rc8": ((0, 0, 0, 0), (1, 1, 1, 1), (2, 2, 2, 2), (3, 3, 3, 3)),
    "ecl": ((0, 1, 2, 3), (1, 1, 2, 3), (2, 2, 2, 3), (3, 3, 3, 3)),
    "ecr": ((0, 0, 0, 0), (0, 1, 1, 1), (0, 1, 2, 2), (0, 1, 2, 3)),
    "rc16": ((0, 1, 0, 1), (2, 3, 2, 3), (0, 1, 0, 1), (2, 3, 2, 3)),
}


def _clamped(c: Context, value: str, limit: int) -> str:
    return c.e.intrinsic("umin", "i32", c.lanes, value, splat("i32", limit, c.lanes))


def _all_ones_from(c: Context, start: str) -> str:
    """Bits `start` and above, where start <= 31; nothing from 32 on."""
    n = c.lanes
    moved = c.e.binary("shl", "i32", n, splat("i32", -1, n), _clamped(c, start, 31))
    beyond = c.e.let(f"icmp ugt {llvm_type('i32', n)} {start}, {splat('i32', 31, n)}")
    return c.e.select(beyond, "i32", n, splat("i32", 0, n), moved)


def _bfind(scalar: str, signed: bool, as_shift: bool) -> Lower:
    """The highest bit that is not a sign; -1 where there is none."""
    bits = BITS[scalar]

    def lower(c: Context) -> None:
        d, a = c.instruction.operands
        n, value = c.lanes, c.get(a, scalar)
        if signed:
            sign = c.e.binary("ashr", scalar, n, value, splat(scalar, bits - 1, n))
            value = c.e.binary("xor", scalar, n, value, sign)
        zeros = c.e.intrinsic("ctlz", scalar, n, value, extra="false")
        zeros = c.e.cast("trunc", scalar, n, zeros, "i32")
        found = zeros if as_shift else c.e.binary("sub", "i32", n, splat("i32", bits - 1, n), zeros)
        nothing = c.e.let(f"icmp eq {llvm_type(scalar, n)} {value}, {splat(scalar, 0, n)}")
        c.put(d, c.e.select(nothing, "i32", n, splat("i32", -1, n), found), "i32")

    return lower


def _fns(c: Context) -> None:
    """The n-th set bit from `base` on, upwards or downwards: each set bit before it is taken off."""
    d, mask, base, offset = c.instruction.operands
    n, type_ = c.lanes, llvm_type("i32", c.lanes)
    zero, one = splat("i32", 0, n), splat("i32", 1, n)
    start, steps = c.get(base, "i32"), c.get(offset, "i32")
    downwards = c.e.let(f"icmp slt {type_} {steps}, {zero}")
    bits = c.get(mask, "i32")
    # downwards is upwards in the reversed word
    bits = c.e.select(downwards, "i32", n, c.e.intrinsic("bitreverse", "i32", n, bits), bits)
    from_top = c.e.binary("sub", "i32", n, splat("i32", 31, n), start)
    first = c.e.select(downwards, "i32", n, from_top, start)
    bits = c.e.binary("and", "i32", n, bits, _all_ones_from(c, first))
    single = c.e.let(f"icmp eq {type_} {steps}, {zero}")
    only = c.e.binary("and", "i32", n, bits, c.e.binary("shl", "i32", n, one, _clamped(c, first, 31)))
    bits = c.e.select(single, "i32", n, only, bits)
    count = c.e.intrinsic("abs", "i32", n, steps, extra="false")
    for number in range(1, 32):
        more = c.e.let(f"icmp ugt {type_} {count}, {splat('i32', number, n)}")
        without_lowest = c.e.binary("and", "i32", n, bits, c.e.binary("sub", "i32", n, bits, one))
        bits = c.e.select(more, "i32", n, without_lowest, bits)
    position = c.e.intrinsic("cttz", "i32", n, bits, extra="false")
    position = c.e.select(downwards, "i32", n, c.e.binary("sub", "i32", n, splat("i32", 31, n), position), position)
    missing = c.e.let(f"icmp eq {type_} {bits}, {zero}")
    too_far = c.e.let(f"icmp ugt {type_} {count}, {splat('i32', 32, n)}")
    nothing = c.e.binary("or", "i1", n, missing, too_far)
    c.put(d, c.e.select(nothing, "i32", n, splat("i32", -1, n), position), "i32")


def _prmt(mode: str) -> Lower:
    def lower(c: Context) -> None:
        d, *operands = c.instruction.operands
        n = c.lanes
        a, b, control = (c.get(o, "i32") for o in operands)
        low, high = (c.e.cast("zext", "i32", n, v, "i64") for v in (a, b))
        both = c.e.binary("or", "i64", n, c.e.binary("shl", "i64", n, high, splat("i64", 32, n)), low)
        result = splat("i32", 0, n)
        for place in range(4):
            chosen = _chosen_byte(c, both, control, place) if mode == "" else _mode_byte(c, both, control, mode, place)
            moved = c.e.binary("shl", "i32", n, chosen, splat("i32", 8 * place, n)) if place else chosen
            result = c.e.binary("or", "i32", n, result, moved)
        c.put(d, result, "i32")

    return lower


def _byte(c: Context, both: str, number: str) -> str:
    """Byte `number` (i32) of the eight, as i8."""
    n = c.lanes
    shift = c.e.cast("zext", "i32", n, c.e.binary("shl", "i32", n, number, splat("i32", 3, n)), "i64")
    return c.e.cast("trunc", "i64", n, c.e.binary("lshr", "i64", n, both, shift), "i8")


def _chosen_byte(c: Context, both: str, control: str, place: int) -> str:
    """Three bits choose; the fourth replicates the byte's sign."""
    n = c.lanes
    nibble = c.e.binary("lshr", "i32", n, control, splat("i32", 4 * place, n)) if place else control
    byte = _byte(c, both, c.e.binary("and", "i32", n, nibble, splat("i32", 7, n)))
    sign = c.e.binary("ashr", "i8", n, byte, splat("i8", 7, n))
    replicate = c.e.binary("and", "i32", n, nibble, splat("i32", 8, n))
    wanted = c.e.let(f"icmp ne {llvm_type('i32', n)} {replicate}, {splat('i32', 0, n)}")
    return c.e.cast("zext", "i8", n, c.e.select(wanted, "i8", n, sign, byte), "i32")


def _mode_byte(c: Context, both: str, control: str, mode: str, place: int) -> str:
    n = c.lanes
    word = sum(MODES[mode][choice][place] << 8 * choice for choice in range(4))
    choice = c.e.binary("and", "i32", n, control, splat("i32", 3, n))
    shift = c.e.binary("shl", "i32", n, choice, splat("i32", 3, n))
    number = c.e.binary("and", "i32", n, c.e.binary("lshr", "i32", n, splat("i32", word, n), shift), splat("i32", 7, n))
    return c.e.cast("zext", "i8", n, _byte(c, both, number), "i32")


def _bmsk(clamp: bool) -> Lower:
    """`b` ones from bit `a` on; .clamp takes the operands whole, .wrap their five low bits."""

    def lower(c: Context) -> None:
        d, *operands = c.instruction.operands
        n = c.lanes
        start, width = (c.get(o, "i32") for o in operands)
        five = splat("i32", 31, n)
        if clamp:
            start, width = _clamped(c, start, 32), _clamped(c, width, 32)
        else:
            start, width = (c.e.binary("and", "i32", n, v, five) for v in (start, width))
        above = _all_ones_from(c, c.e.binary("add", "i32", n, start, width))
        c.put(d, c.e.binary("xor", "i32", n, _all_ones_from(c, start), above), "i32")

    return lower


def _szext(clamp: bool, signed: bool) -> Lower:
    """The low `b` bits of a, extended."""

    def lower(c: Context) -> None:
        d, a, width = c.instruction.operands
        n, type_ = c.lanes, llvm_type("i32", c.lanes)
        value, count = c.get(a, "i32"), c.get(width, "i32")
        count = _clamped(c, count, 32) if clamp else c.e.binary("and", "i32", n, count, splat("i32", 31, n))
        unused = c.e.binary("sub", "i32", n, splat("i32", 32, n), count)
        shift = _clamped(c, unused, 31)
        moved = c.e.binary("shl", "i32", n, value, shift)
        extended = c.e.binary("ashr" if signed else "lshr", "i32", n, moved, shift)
        empty = c.e.let(f"icmp eq {type_} {count}, {splat('i32', 0, n)}")
        c.put(d, c.e.select(empty, "i32", n, splat("i32", 0, n), extended), "i32")

    return lower


def _cnot(scalar: str) -> Lower:
    """1 where a is 0, else 0."""

    def lower(c: Context) -> None:
        d, a = c.instruction.operands
        is_zero = c.e.let(f"icmp eq {llvm_type(scalar, c.lanes)} {c.get(a, scalar)}, {splat(scalar, 0, c.lanes)}")
        c.put(d, c.e.cast("zext", "i1", c.lanes, is_zero, scalar), scalar)

    return lower


def _table() -> RuleTable:
    rules: RuleTable = {}
    for bits in (32, 64):
        for sign in "us":
            for suffix in ("", ".shiftamt"):
                lower = _bfind(f"i{bits}", sign == "s", bool(suffix))
                rules[f"bfind{suffix}.{sign}{bits}"] = Rule(lower, ARITHMETIC, "int")
    rules["fns.b32"] = Rule(_fns, ARITHMETIC, "int")
    for mode in ("", *MODES):
        rules["prmt.b32" + (f".{mode}" if mode else "")] = Rule(_prmt(mode), PERMUTE, "int")
    for mode in ("clamp", "wrap"):
        rules[f"bmsk.{mode}.b32"] = Rule(_bmsk(mode == "clamp"), ARITHMETIC, "int")
        for type_ in ("u32", "s32"):
            rules[f"szext.{mode}.{type_}"] = Rule(_szext(mode == "clamp", type_ == "s32"), ARITHMETIC, "int")
    for type_ in ("b16", "b32", "b64"):
        rules[f"cnot.{type_}"] = Rule(_cnot(LLVM_INTEGER[type_]), LOGIC, "int")
    return rules


RULES = _table()
