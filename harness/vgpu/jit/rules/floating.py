"""Floating point: FP16, FP16x2, FP32 and FP64 arithmetic (PTX ISA: Floating Point Instructions; Half Precision).

Directed rounding of FP32 goes through FP64: the exact result is a sum of two doubles (Knuth's two-sum), whose
rounding to FP32 is corrected by one step where it went the wrong way.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import BITS, float_literal, llvm_type, splat
from harness.vgpu.jit.rules import approximate
from harness.vgpu.jit.rules.rule import Kind, Lower, Rule, RuleTable

SINGLE = "Floating Point Instructions"
HALF = "Half Precision Floating Point Instructions"
KIND: dict[str, Kind] = {"half": "fp16", "float": "fp32", "double": "fp64"}


# --- finishing touches: .ftz and .sat ---


def flush(c: Context, value: str) -> str:
    """.ftz: a subnormal FP32 becomes a zero of the same sign."""
    type_, integer = llvm_type("float", c.lanes), llvm_type("i32", c.lanes)
    size = c.e.intrinsic("fabs", "float", c.lanes, value)
    smallest = splat("float", float_literal(2.0**-126), c.lanes)
    tiny = c.e.let(f"fcmp olt {type_} {size}, {smallest}")
    bits = c.e.bitcast(type_, value, integer)
    sign = c.e.binary("and", "i32", c.lanes, bits, splat("i32", 0x80000000, c.lanes))
    return c.e.bitcast(integer, c.e.select(tiny, "i32", c.lanes, sign, bits), type_)


def saturate(c: Context, value: str, scalar: str, packed: int = 1) -> str:
    """.sat: clamp to [0, 1]; NaN becomes +0."""
    lanes = c.lanes * packed
    zero, one = splat(scalar, "0.0", lanes), splat(scalar, "1.0", lanes)
    type_ = llvm_type(scalar, lanes)
    above = c.e.let(f"fcmp ogt {type_} {value}, {zero}")
    positive = c.e.select(above, scalar, lanes, value, zero)
    below = c.e.let(f"fcmp olt {type_} {positive}, {one}")
    return c.e.select(below, scalar, lanes, positive, one)


def narrowed(c: Context, value: str, have: str, want: str, lanes: int) -> str:
    """The nearest number of a narrower type.

    A CPU without FP16 arithmetic has no instruction from FP64 to FP16, and LLVM would call a function that not every
    process has. There it goes by FP32: rounding to odd first (the bits that get lost leave their trace in the last
    bit that stays) keeps the second rounding right, as FP32 has more than two bits beyond FP16.
    """
    if (have, want) == ("double", "half") and not c.frame.target.native_half:
        wide, lost = llvm_type("i64", lanes), splat("i64", (1 << 29) - 1, lanes)
        bits = c.e.bitcast(llvm_type(have, lanes), value, wide)
        exact = c.e.let(f"icmp eq {wide} {c.e.binary('and', 'i64', lanes, bits, lost)}, {splat('i64', 0, lanes)}")
        kept = c.e.binary("and", "i64", lanes, bits, splat("i64", -1 << 29, lanes))
        odd = c.e.binary("or", "i64", lanes, kept, splat("i64", 1 << 29, lanes))
        rounded = c.e.bitcast(wide, c.e.select(exact, "i64", lanes, bits, odd), llvm_type(have, lanes))
        value, have = c.e.cast("fptrunc", "double", lanes, rounded, "float"), "float"
    return c.e.cast("fptrunc", have, lanes, value, want)


# --- the arithmetic itself, on values ---

Operation = Callable[..., str]


def _llvm(operation: str) -> Operation:
    def compute(c: Context, scalar: str, packed: int, a: str, b: str) -> str:
        return c.e.binary(operation, scalar, c.lanes * packed, a, b)

    return compute


def _fma(c: Context, scalar: str, packed: int, a: str, b: str, addend: str) -> str:
    """One rounding. Without FP16 hardware LLVM's own half fma rounds twice; in FP64 the sum is exact enough.

    A product of two halves is exact in FP64 (22 bits); with the addend it needs at most 53 bits wherever the
    result could lie on a midpoint between two halves.
    """
    lanes = c.lanes * packed
    if scalar != "half" or c.frame.target.native_half:
        return c.e.intrinsic("fma", scalar, lanes, a, b, addend)
    wide = [c.e.cast("fpext", "half", lanes, value, "double") for value in (a, b, addend)]
    product = c.e.binary("fmul", "double", lanes, wide[0], wide[1])
    return narrowed(c, c.e.binary("fadd", "double", lanes, product, wide[2]), "double", "half", lanes)


def _approximate_division(c: Context, scalar: str, packed: int, a: str, b: str) -> str:
    """PTX computes a * (1/b), and 1/b is lost for 2^126 < |b| < 2^128: then a zero, or a NaN where a is infinite."""
    quotient = c.e.binary("fdiv", scalar, c.lanes, a, b)
    type_, size = llvm_type(scalar, c.lanes), c.e.intrinsic("fabs", scalar, c.lanes, b)
    far = c.e.let(f"fcmp ogt {type_} {size}, {splat(scalar, float_literal(2.0**126), c.lanes)}")
    finite = c.e.let(f"fcmp olt {type_} {size}, {splat(scalar, float_literal(math.inf), c.lanes)}")
    lost = c.e.binary("fmul", scalar, c.lanes, quotient, splat(scalar, "0.0", c.lanes))
    return c.e.select(c.e.binary("and", "i1", c.lanes, far, finite), scalar, c.lanes, lost, quotient)


def _minimum(name: str) -> Operation:
    """A NaN gives way to a number; -0 is less than +0."""

    def compute(c: Context, scalar: str, packed: int, a: str, b: str) -> str:
        return c.e.intrinsic(name, scalar, c.lanes * packed, a, b)

    return compute


# --- rules from operations ---


def _arithmetic(compute: Operation, scalar: str, packed: int = 1, ftz: bool = False, sat: bool = False) -> Lower:
    def lower(c: Context) -> None:
        d, *operands = c.instruction.operands
        values = [c.get(o, scalar, packed) for o in operands]
        if ftz:
            values = [flush(c, value) for value in values]
        result = compute(c, scalar, packed, *values)
        if ftz:
            result = flush(c, result)
        if sat:
            result = saturate(c, result, scalar, packed)
        c.put(d, result, scalar, packed)

    return lower


def _directed_fma(mode: str) -> Lower:
    def lower(c: Context) -> None:
        d, *operands = c.instruction.operands
        a, b, addend = (c.e.cast("fpext", "float", c.lanes, c.get(o, "float"), "double") for o in operands)
        product = c.e.binary("fmul", "double", c.lanes, a, b)  # exact: 48 bits
        c.put(d, round_sum(c, mode, product, addend), "float")

    return lower


def _directed_binary(operation: str, mode: str) -> Lower:
    def lower(c: Context) -> None:
        d, *operands = c.instruction.operands
        a, b = (c.e.cast("fpext", "float", c.lanes, c.get(o, "float"), "double") for o in operands)
        if operation == "mul":
            product = c.e.binary("fmul", "double", c.lanes, a, b)
            c.put(d, round_exact(c, mode, product, splat("double", "0.0", c.lanes)), "float")
            return
        if operation == "sub":
            b = c.e.let(f"fneg {llvm_type('double', c.lanes)} {b}")
        c.put(d, round_sum(c, mode, a, b), "float")

    return lower


def round_sum(c: Context, mode: str, a: str, b: str, scalar: str = "float") -> str:
    """a + b for exact doubles, rounded in a directed mode: rz, rm, rp."""
    n, type_ = c.lanes, llvm_type("double", c.lanes)
    total = c.e.binary("fadd", "double", n, a, b)
    part = c.e.binary("fsub", "double", n, total, a)
    rest_a = c.e.binary("fsub", "double", n, a, c.e.binary("fsub", "double", n, total, part))
    rest_b = c.e.binary("fsub", "double", n, b, part)
    error = c.e.binary("fadd", "double", n, rest_a, rest_b)
    rounded = round_exact(c, mode, total, error, scalar)
    if mode != "rm":
        return rounded
    # x + -x is -0 when rounding down, which the negated sum gives
    negated = c.e.binary("fadd", "double", n, *(c.e.let(f"fneg {type_} {v}") for v in (a, b)))
    zero = narrowed(c, c.e.let(f"fneg {type_} {negated}"), "double", scalar, n)
    is_zero = c.e.let(f"fcmp oeq {type_} {total}, {splat('double', '0.0', n)}")
    return c.e.select(is_zero, scalar, n, zero, rounded)


def round_exact(c: Context, mode: str, value: str, error: str, scalar: str = "float") -> str:
    """`value + error` (error far below the last bit of value) as another type, no wider, in a directed mode.

    The nearest number of that type, and one step from there where that lies on the wrong side.
    """
    n, bits_type = c.lanes, f"i{BITS[scalar]}"
    wide, type_, integer = (llvm_type(t, n) for t in ("double", scalar, bits_type))
    nearest = narrowed(c, value, "double", scalar, n)
    back = c.e.cast("fpext", scalar, n, nearest, "double")
    zero = splat("double", "0.0", n)

    def beyond(direction: str) -> str:
        """Lanes whose nearest value lies above (below) the exact one."""
        strictly = c.e.let(f"fcmp {'ogt' if direction == 'above' else 'olt'} {wide} {back}, {value}")
        equal = c.e.let(f"fcmp oeq {wide} {back}, {value}")
        tail = c.e.let(f"fcmp {'olt' if direction == 'above' else 'ogt'} {wide} {error}, {zero}")
        return c.e.binary("or", "i1", n, strictly, c.e.binary("and", "i1", n, equal, tail))

    if mode == "rm":
        step = beyond("above")
    elif mode == "rp":
        step = beyond("below")
    else:  # towards zero: above for positive values, below for negative ones
        positive = c.e.let(f"fcmp ogt {wide} {value}, {zero}")
        step = c.e.select(positive, "i1", n, beyond("above"), beyond("below"))
    bits = c.e.bitcast(type_, nearest, integer)
    one = splat(bits_type, 1, n)
    magnitude_up = c.e.binary("add", bits_type, n, bits, one)
    magnitude_down = c.e.binary("sub", bits_type, n, bits, one)
    negative = c.e.let(f"icmp slt {integer} {bits}, {splat(bits_type, 0, n)}")
    is_zero = c.e.let(f"fcmp oeq {type_} {nearest}, {splat(scalar, '0.0', n)}")
    if mode == "rz":
        moved = magnitude_down
    elif mode == "rm":
        moved = c.e.select(negative, bits_type, n, magnitude_up, magnitude_down)
        smallest = splat(bits_type, 1 << BITS[scalar] - 1 | 1, n)
        moved = c.e.select(is_zero, bits_type, n, smallest, moved)
    else:
        moved = c.e.select(negative, bits_type, n, magnitude_down, magnitude_up)
        moved = c.e.select(is_zero, bits_type, n, one, moved)
    return c.e.bitcast(integer, c.e.select(step, bits_type, n, moved, bits), type_)


def _unary(intrinsic: str, scalar: str, packed: int = 1) -> Lower:
    def lower(c: Context) -> None:
        d, a = c.instruction.operands
        c.put(d, c.e.intrinsic(intrinsic, scalar, c.lanes * packed, c.get(a, scalar, packed)), scalar, packed)

    return lower


def _negate(scalar: str, packed: int = 1, ftz: bool = False) -> Lower:
    def lower(c: Context) -> None:
        d, a = c.instruction.operands
        value = c.get(a, scalar, packed)
        negated = c.e.let(f"fneg {llvm_type(scalar, c.lanes * packed)} {value}")
        c.put(d, flush(c, negated) if ftz else negated, scalar, packed)

    return lower


def _reciprocal(scalar: str) -> Lower:
    def lower(c: Context) -> None:
        d, a = c.instruction.operands
        one = splat(scalar, "1.0", c.lanes)
        c.put(d, c.e.binary("fdiv", scalar, c.lanes, one, c.get(a, scalar)), scalar)

    return lower


def _approximation(compute: Callable[[Context, str], str], ftz: bool) -> Lower:
    def lower(c: Context) -> None:
        d, a = c.instruction.operands
        value = c.get(a, "float")
        result = compute(c, flush(c, value) if ftz else value)
        c.put(d, flush(c, result) if ftz else result, "float")

    return lower


def _copysign(scalar: str) -> Lower:
    """PTX: copysign d, a, b copies the sign of a into b."""

    def lower(c: Context) -> None:
        d, sign, magnitude = c.instruction.operands
        c.put(d, c.e.intrinsic("copysign", scalar, c.lanes, c.get(magnitude, scalar), c.get(sign, scalar)), scalar)

    return lower


def _table() -> RuleTable:
    rules: RuleTable = {}

    def add(form: str, lower: Lower, scalar: str, kind: Kind | None = None) -> None:
        rules[form] = Rule(lower, HALF if scalar == "half" else SINGLE, kind or KIND[scalar])

    binary = {"add": _llvm("fadd"), "sub": _llvm("fsub"), "mul": _llvm("fmul")}
    for name, compute in binary.items():
        for rounding in ("", ".rn"):
            for ftz in (False, True):
                for sat in (False, True):
                    suffix = rounding + (".ftz" if ftz else "") + (".sat" if sat else "")
                    add(f"{name}{suffix}.f32", _arithmetic(compute, "float", ftz=ftz, sat=sat), "float")
            add(f"{name}{rounding}.f64", _arithmetic(compute, "double"), "double")
            for sat in (False, True):
                suffix = rounding + (".sat" if sat else "")
                add(f"{name}{suffix}.f16", _arithmetic(compute, "half", sat=sat), "half")
                add(f"{name}{suffix}.f16x2", _arithmetic(compute, "half", 2, sat=sat), "half")
        for mode in ("rz", "rm", "rp"):
            add(f"{name}.{mode}.f32", _directed_binary(name, mode), "float")
    for ftz in (False, True):
        for sat in (False, True):
            suffix = (".ftz" if ftz else "") + (".sat" if sat else "")
            add(f"fma.rn{suffix}.f32", _arithmetic(_fma, "float", ftz=ftz, sat=sat), "float")
    for mode in ("rz", "rm", "rp"):
        add(f"fma.{mode}.f32", _directed_fma(mode), "float")
    add("fma.rn.f64", _arithmetic(_fma, "double"), "double")
    for sat in (False, True):
        suffix = ".sat" if sat else ""
        add(f"fma.rn{suffix}.f16", _arithmetic(_fma, "half", sat=sat), "half")
        add(f"fma.rn{suffix}.f16x2", _arithmetic(_fma, "half", 2, sat=sat), "half")
    for name, intrinsic in (("min", "minimumnum"), ("max", "maximumnum")):
        add(f"{name}.f32", _arithmetic(_minimum(intrinsic), "float"), "float")
        add(f"{name}.ftz.f32", _arithmetic(_minimum(intrinsic), "float", ftz=True), "float")
        add(f"{name}.f64", _arithmetic(_minimum(intrinsic), "double"), "double")
        add(f"{name}.f16", _arithmetic(_minimum(intrinsic), "half"), "half")
        add(f"{name}.f16x2", _arithmetic(_minimum(intrinsic), "half", 2), "half")
    for form, scalar, packed in (("f32", "float", 1), ("f64", "double", 1), ("f16", "half", 1), ("f16x2", "half", 2)):
        add(f"neg.{form}", _negate(scalar, packed), scalar)
        add(f"abs.{form}", _unary("fabs", scalar, packed), scalar)
    for form, scalar in (("f32", "float"), ("f64", "double")):
        add(f"div.rn.{form}", _arithmetic(_llvm("fdiv"), scalar), scalar)
        add(f"rcp.rn.{form}", _reciprocal(scalar), scalar)
        add(f"sqrt.rn.{form}", _unary("sqrt", scalar), scalar)
        add(f"copysign.{form}", _copysign(scalar), scalar)
    for ftz in (False, True):
        suffix = ".ftz" if ftz else ""
        for name, compute in (("approx", _approximate_division), ("full", _llvm("fdiv"))):
            add(f"div.{name}{suffix}.f32", _arithmetic(compute, "float", ftz=ftz), "float", "sfu")
        for name, approximation in approximate.FUNCTIONS.items():
            add(f"{name}.approx{suffix}.f32", _approximation(approximation, ftz), "float", "sfu")
    add("tanh.approx.f32", _approximation(approximate.tanh, ftz=False), "float", "sfu")
    return rules


RULES = _table()
