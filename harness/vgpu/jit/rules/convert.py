"""cvt: conversion between all register types (PTX ISA: Data Movement and Conversion Instructions, cvt).

An instruction is taken apart into destination type, source type, rounding and the flags .ftz and .sat.
"""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import BITS, float_literal, llvm_type, splat
from harness.vgpu.jit.rules.floating import flush, narrowed, round_exact, round_sum, saturate
from harness.vgpu.jit.rules.rule import LLVM_FLOAT, LLVM_INTEGER, Rule
from harness.vgpu.ptx.program import Instruction

SECTION = "Data Movement and Conversion Instructions: cvt"
TO_INTEGRAL = {"rni": "rint", "rzi": "trunc", "rmi": "floor", "rpi": "ceil"}
ROUNDINGS = frozenset((*TO_INTEGRAL, "rn", "rz", "rm", "rp"))
KNOWN = frozenset((*LLVM_INTEGER, *LLVM_FLOAT, *ROUNDINGS, "ftz", "sat"))


def find(instruction: Instruction) -> Rule | None:
    """The rule of a `cvt`, or None where a modifier is not known."""
    modifiers = instruction.modifiers
    if instruction.opcode != "cvt" or len(modifiers) < 2:
        return None
    if modifiers[-2:] == ("f16x2", "f32") and set(modifiers[:-2]) <= {"rn"}:
        return Rule(_pack_halves, SECTION, "fp16")
    if not set(modifiers) <= KNOWN or not {modifiers[-1], modifiers[-2]} <= set(LLVM_INTEGER) | set(LLVM_FLOAT):
        return None
    target, source = modifiers[-2:]
    if source in LLVM_FLOAT:
        lower = _float_to_float if target in LLVM_FLOAT else _float_to_integer
    else:
        lower = _integer_to_float if target in LLVM_FLOAT else _integer_to_integer
    return Rule(lower, SECTION, "int" if lower is _integer_to_integer else "fp32")


def _types(c: Context) -> tuple[str, str]:
    return c.instruction.modifiers[-2], c.instruction.modifiers[-1]


def _rounding(c: Context) -> str:
    found = [m for m in c.instruction.modifiers if m in ROUNDINGS]
    return found[0] if found else ""


def _has(c: Context, flag: str) -> bool:
    return flag in c.instruction.modifiers


def _integer_to_integer(c: Context) -> None:
    target, source = _types(c)
    d, a = c.instruction.operands
    have, want = LLVM_INTEGER[source], LLVM_INTEGER[target]
    signed = source[0] == "s"
    value = c.get(a, have)
    if _has(c, "sat"):
        value = _clamp_integer(c, value, have, signed, target)
    if BITS[want] > BITS[have]:
        value = c.e.cast("sext" if signed else "zext", have, c.lanes, value, want)
    else:
        value = c.e.cast("trunc", have, c.lanes, value, want)
    c.put_extended(d, value, want, signed=target[0] == "s")


def _clamp_integer(c: Context, value: str, have: str, signed: bool, target: str) -> str:
    """.sat: into the target's range, where that is narrower than the source's."""
    low, high = _integer_range(target)
    source_low, source_high = _integer_range(("s" if signed else "u") + str(BITS[have]))
    prefix = "s" if signed else "u"
    if high < source_high:
        value = c.e.intrinsic(f"{prefix}min", have, c.lanes, value, splat(have, high, c.lanes))
    if low > source_low:
        value = c.e.intrinsic(f"{prefix}max", have, c.lanes, value, splat(have, low, c.lanes))
    return value


def _integer_range(type_: str) -> tuple[int, int]:
    bits = int(type_[1:])
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if type_[0] == "s" else (0, (1 << bits) - 1)


def _integer_to_float(c: Context) -> None:
    target, source = _types(c)
    d, a = c.instruction.operands
    have, want = LLVM_INTEGER[source], LLVM_FLOAT[target]
    signed = source[0] == "s"
    rounding = _rounding(c)
    value = c.get(a, have)
    if rounding != "rn" and not (want == "double" and BITS[have] <= 32):
        c.put(d, _saturate(c, round_sum(c, rounding, *_two_doubles(c, value, have, signed), want), want), want)
        return
    if want == "half" and BITS[have] > 16:
        # exact in FP64 up to 53 bits; beyond 2^17 the half is infinite whatever the low bits say
        wide = c.e.cast("sitofp" if signed else "uitofp", have, c.lanes, value, "double")
        result = narrowed(c, wide, "double", "half", c.lanes)
    else:
        result = c.e.cast("sitofp" if signed else "uitofp", have, c.lanes, value, want)
    c.put(d, _saturate(c, result, want), want)


def _saturate(c: Context, value: str, scalar: str) -> str:
    return saturate(c, value, scalar) if _has(c, "sat") else value


def _two_doubles(c: Context, value: str, have: str, signed: bool) -> tuple[str, str]:
    """An integer as the sum of two doubles, exactly."""
    to_double = "sitofp" if signed else "uitofp"
    if BITS[have] <= 32:
        return c.e.cast(to_double, have, c.lanes, value, "double"), splat("double", "0.0", c.lanes)
    half = splat("i64", 32, c.lanes)
    high = c.e.binary("ashr" if signed else "lshr", "i64", c.lanes, value, half)
    low = c.e.binary("sub", "i64", c.lanes, value, c.e.binary("shl", "i64", c.lanes, high, half))
    scale = splat("double", float_literal(2.0**32), c.lanes)
    upper = c.e.binary("fmul", "double", c.lanes, c.e.cast(to_double, "i64", c.lanes, high, "double"), scale)
    return upper, c.e.cast("uitofp", "i64", c.lanes, low, "double")


def _float_to_integer(c: Context) -> None:
    """Out of range clamps to the target's limits; NaN gives 0 for narrow targets, the sign bit alone for 64 bits.

    PTX ISA, cvt: "In float-to-integer conversions, depending upon conversion types, NaN input results in following
    value: zero if source is not .f64 and destination is not .s64 nor .u64; otherwise 1 << (BitWidth(dst) - 1)".
    """
    target, source = _types(c)
    d, a = c.instruction.operands
    have, want = LLVM_FLOAT[source], LLVM_INTEGER[target]
    value = c.get(a, have)
    if _has(c, "ftz") and source == "f32":
        value = flush(c, value)
    name = TO_INTEGRAL.get(_rounding(c))
    if name is None:
        c.unsupported("this rounding")
    if have == "half":
        value, have = c.e.cast("fpext", "half", c.lanes, value, "float"), "float"
    whole = c.e.intrinsic(name, have, c.lanes, value)
    converted = _saturating(c, whole, have, want, signed=target[0] == "s")
    if source == "f64" or target in ("s64", "u64"):
        type_ = llvm_type(have, c.lanes)
        is_nan = c.e.let(f"fcmp uno {type_} {value}, {value}")
        converted = c.e.select(is_nan, want, c.lanes, splat(want, 1 << BITS[want] - 1, c.lanes), converted)
    c.put_extended(d, converted, want, signed=target[0] == "s")


def _saturating(c: Context, value: str, have: str, want: str, signed: bool) -> str:
    name = f"llvm.fpto{'s' if signed else 'u'}i.sat"
    from_type, to_type = llvm_type(have, c.lanes), llvm_type(want, c.lanes)
    mangled = "f32" if have == "float" else "f64"
    suffix = f"{want}.{mangled}" if c.lanes == 1 else f"v{c.lanes}{want}.v{c.lanes}{mangled}"
    c.e.declarations[f"{name}.{suffix}"] = f"declare {to_type} @{name}.{suffix}({from_type})"
    return c.e.let(f"call {to_type} @{name}.{suffix}({from_type} {value})")


def _float_to_float(c: Context) -> None:
    target, source = _types(c)
    d, a = c.instruction.operands
    have, want = LLVM_FLOAT[source], LLVM_FLOAT[target]
    value, rounding = c.get(a, have), _rounding(c)
    if _has(c, "ftz") and source == "f32":
        value = flush(c, value)
    if rounding in TO_INTEGRAL:
        if have != want:
            c.unsupported("an integral rounding between two types")
        value = c.e.intrinsic(TO_INTEGRAL[rounding], have, c.lanes, value)
    if BITS[want] > BITS[have]:
        value = c.e.cast("fpext", have, c.lanes, value, want)
    elif BITS[want] < BITS[have]:
        value = _narrow(c, value, have, want, rounding)
    if _has(c, "ftz") and target == "f32":
        value = flush(c, value)
    c.put(d, _saturate(c, value, want), want)


def _narrow(c: Context, value: str, have: str, want: str, rounding: str) -> str:
    if rounding == "rn":
        return narrowed(c, value, have, want, c.lanes)
    wide = c.e.cast("fpext", have, c.lanes, value, "double")
    return round_exact(c, rounding, wide, splat("double", "0.0", c.lanes), want)


def _pack_halves(c: Context) -> None:
    """cvt.rn.f16x2.f32 d, a, b: a in the upper half, b in the lower."""
    d, upper, lower = c.instruction.operands
    halves = [c.e.cast("fptrunc", "float", c.lanes, c.get(o, "float"), "half") for o in (upper, lower)]
    half, integer = llvm_type("half", c.lanes), llvm_type("i16", c.lanes)
    high, low = (c.e.cast("zext", "i16", c.lanes, c.e.bitcast(half, h, integer), "i32") for h in halves)
    shifted = c.e.binary("shl", "i32", c.lanes, high, splat("i32", 16, c.lanes))
    c.put(d, c.e.binary("or", "i32", c.lanes, shifted, low), "i32")
