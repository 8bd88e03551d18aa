"""Rarer integer arithmetic: saturation, pairs of 16 bits, mul24, sad, dot products; slct of all types; testp; mov.b128
(PTX ISA: Integer Arithmetic Instructions; Comparison and Selection Instructions; Floating Point Instructions: testp).
"""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import BITS, llvm_type, splat
from harness.vgpu.jit.rules import move
from harness.vgpu.jit.rules.floating import flush
from harness.vgpu.jit.rules.rule import LLVM_INTEGER, Lower, Rule, RuleTable

SECTION = "Integer Arithmetic Instructions"
SELECT = "Comparison and Selection Instructions: slct"
TESTP = "Floating Point Instructions: testp"


def _intrinsic(name: str, scalar: str, packed: int = 1, relu: bool = False) -> Lower:
    def lower(c: Context) -> None:
        d, *operands = c.instruction.operands
        lanes = c.lanes * packed
        result = c.e.intrinsic(name, scalar, lanes, *(c.get(o, scalar, packed) for o in operands))
        if relu:
            result = c.e.intrinsic("smax", scalar, lanes, result, splat(scalar, 0, lanes))
        c.put(d, result, scalar, packed)

    return lower


def _add_pairs(c: Context) -> None:
    d, a, b = c.instruction.operands
    c.put(d, c.e.binary("add", "i16", 2 * c.lanes, c.get(a, "i16", 2), c.get(b, "i16", 2)), "i16", 2)


def _mad_high_saturated(c: Context) -> None:
    d, *operands = c.instruction.operands
    a, b, addend = (c.get(o, "i32") for o in operands)
    wide = [c.e.cast("sext", "i32", c.lanes, v, "i64") for v in (a, b)]
    high = c.e.binary("ashr", "i64", c.lanes, c.e.binary("mul", "i64", c.lanes, *wide), splat("i64", 32, c.lanes))
    high = c.e.cast("trunc", "i64", c.lanes, high, "i32")
    c.put(d, c.e.intrinsic("sadd.sat", "i32", c.lanes, high, addend), "i32")


def _mul24(signed: bool, high: bool, add: bool, saturate: bool = False) -> Lower:
    """The 48-bit product of 24-bit operands: its low 32 bits, or with .hi its bits 47 to 16."""

    def lower(c: Context) -> None:
        d, a, b, *addend = c.instruction.operands
        n, eight = c.lanes, splat("i32", 8, c.lanes)
        wide = []
        for operand in (a, b):
            top = c.e.binary("shl", "i32", n, c.get(operand, "i32"), eight)
            value = c.e.binary("ashr" if signed else "lshr", "i32", n, top, eight)
            wide.append(c.e.cast("sext" if signed else "zext", "i32", n, value, "i64"))
        product = c.e.binary("mul", "i64", n, *wide)
        if high:
            product = c.e.binary("lshr", "i64", n, product, splat("i64", 16, n))
        result = c.e.cast("trunc", "i64", n, product, "i32")
        if add and saturate:
            result = c.e.intrinsic("sadd.sat", "i32", n, result, c.get(addend[0], "i32"))
        elif add:
            result = c.e.binary("add", "i32", n, result, c.get(addend[0], "i32"))
        c.put(d, result, "i32")

    return lower


def _sad(scalar: str, signed: bool) -> Lower:
    """c + |a - b|."""

    def lower(c: Context) -> None:
        d, a, b, addend = c.instruction.operands
        x, y, prefix = c.get(a, scalar), c.get(b, scalar), "s" if signed else "u"
        most = c.e.intrinsic(f"{prefix}max", scalar, c.lanes, x, y)
        least = c.e.intrinsic(f"{prefix}min", scalar, c.lanes, x, y)
        difference = c.e.binary("sub", scalar, c.lanes, most, least)
        c.put(d, c.e.binary("add", scalar, c.lanes, difference, c.get(addend, scalar)), scalar)

    return lower


def _field(c: Context, value: str, bits: int, number: int, signed: bool) -> str:
    """One of the packed integers of a word, extended to 32 bits."""
    left, right = 32 - bits * (number + 1), 32 - bits
    moved = c.e.binary("shl", "i32", c.lanes, value, splat("i32", left, c.lanes)) if left else value
    return c.e.binary("ashr" if signed else "lshr", "i32", c.lanes, moved, splat("i32", right, c.lanes))


def _dot(a_signed: bool, b_signed: bool, bits: int, count: int, first: int) -> Lower:
    """c plus products of packed integers: bytes of b from `first` on, and as many fields of a."""

    def lower(c: Context) -> None:
        d, a, b, addend = c.instruction.operands
        x, y, total = c.get(a, "i32"), c.get(b, "i32"), c.get(addend, "i32")
        for number in range(count):
            left, right = _field(c, x, bits, number, a_signed), _field(c, y, 8, first + number, b_signed)
            total = c.e.binary("add", "i32", c.lanes, total, c.e.binary("mul", "i32", c.lanes, left, right))
        c.put(d, total, "i32")

    return lower


def _slct(scalar: str, condition: str, ftz: bool = False) -> Lower:
    """a where c >= 0, else b; a NaN selects b, and -0.0 counts as 0."""

    def lower(c: Context) -> None:
        d, a, b, chosen = c.instruction.operands
        n = c.lanes
        if condition == "s32":
            test = f"icmp sge {llvm_type('i32', n)} {c.get(chosen, 'i32')}, {splat('i32', 0, n)}"
        else:
            value = c.get(chosen, "float")
            test = f"fcmp oge {llvm_type('float', n)} {flush(c, value) if ftz else value}, {splat('float', '0.0', n)}"
        c.put(d, c.e.select(c.e.let(test), scalar, n, c.get(a, scalar), c.get(b, scalar)), scalar)

    return lower


# LLVM's classes: 3 NaN, 4 -inf, 8 -normal, 16 -subnormal, 32 -0, and mirrored up to 512 +inf; to PTX a zero is normal
CLASSES = {"finite": 0x1F8, "infinite": 0x204, "number": 0x3FC, "notanumber": 0x3, "normal": 0x168, "subnormal": 0x90}


def _testp(scalar: str, classes: int) -> Lower:
    def lower(c: Context) -> None:
        p, a = c.instruction.operands
        type_, answer = llvm_type(scalar, c.lanes), llvm_type("i1", c.lanes)
        mangled = {"float": "f32", "double": "f64"}[scalar]
        name = "llvm.is.fpclass." + (mangled if c.lanes == 1 else f"v{c.lanes}{mangled}")
        c.e.declarations[name] = f"declare {answer} @{name}({type_}, i32 immarg)"
        c.put(p, c.e.let(f"call {answer} @{name}({type_} {c.get(a, scalar)}, i32 {classes})"), "i1")

    return lower


def _table() -> RuleTable:
    rules: RuleTable = {}

    def add(form: str, lower: Lower, section: str = SECTION) -> None:
        rules[form] = Rule(lower, section, "int")

    add("add.sat.s32", _intrinsic("sadd.sat", "i32"))
    add("sub.sat.s32", _intrinsic("ssub.sat", "i32"))
    add("mad.hi.sat.s32", _mad_high_saturated)
    for name in ("min", "max"):
        add(f"{name}.u16x2", _intrinsic(f"u{name}", "i16", 2))
        add(f"{name}.s16x2", _intrinsic(f"s{name}", "i16", 2))
        for form in ("relu.s32", "s32.relu"):  # the ISA's grammar has the first, its examples and nvcc the second
            add(f"{name}.{form}", _intrinsic(f"s{name}", "i32", relu=True))
        for form in ("relu.s16x2", "s16x2.relu"):
            add(f"{name}.{form}", _intrinsic(f"s{name}", "i16", 2, relu=True))
    add("add.u16x2", _add_pairs)
    add("add.s16x2", _add_pairs)
    for type_, signed in (("u32", False), ("s32", True)):
        for half in ("lo", "hi"):
            add(f"mul24.{half}.{type_}", _mul24(signed, half == "hi", add=False))
            add(f"mad24.{half}.{type_}", _mul24(signed, half == "hi", add=True))
        for other, other_signed in (("u32", False), ("s32", True)):
            add(f"dp4a.{type_}.{other}", _dot(signed, other_signed, 8, 4, 0))
            add(f"dp2a.lo.{type_}.{other}", _dot(signed, other_signed, 16, 2, 0))
            add(f"dp2a.hi.{type_}.{other}", _dot(signed, other_signed, 16, 2, 2))
    add("mad24.hi.sat.s32", _mul24(signed=True, high=True, add=True, saturate=True))
    for bits in (16, 32, 64):
        for sign in "us":
            add(f"sad.{sign}{bits}", _sad(f"i{bits}", sign == "s"))
    for type_ in [f"{sign}{bits}" for sign in "bus" for bits in (16, 32, 64)] + ["f32", "f64"]:
        scalar = LLVM_INTEGER[f"b{type_[1:]}"]
        for condition in ("s32", "f32"):
            if BITS[scalar] == 16 or type_[0] == "f":
                add(f"slct.{type_}.{condition}", _slct(scalar, condition), SELECT)
        add(f"slct.ftz.{type_}.f32", _slct(scalar, "f32", ftz=True), SELECT)
    for name, classes in CLASSES.items():
        for type_, scalar in (("f32", "float"), ("f64", "double")):
            rules[f"testp.{name}.{type_}"] = Rule(_testp(scalar, classes), TESTP, "fp32")
    add("mov.b128", move.RULES["mov.b64"].lower, "Data Movement and Conversion Instructions: mov")
    return rules


RULES = _table()
