"""cvt to and from bf16, bf16x2, tf32 and the FP8 formats, and the .relu and .satfinite forms of f16 (PTX ISA: Data
Movement and Conversion Instructions, cvt).

An instruction is taken apart into destination, source, rounding and flags. Numbers of 32 bits and fewer pass
through FP32 exactly; 64-bit ones are rounded to odd on the way.
"""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import BITS, float_literal, llvm_type, splat
from harness.vgpu.jit.rules.formats import (
    BYTES,
    INFINITY,
    is_nan,
    narrow,
    narrow_byte,
    narrow_tf32,
    odd_single,
    odd_sum,
    pieces,
    put_pieces,
    widen,
    widen_byte,
)
from harness.vgpu.jit.rules.rule import LLVM_INTEGER, Lower, Rule
from harness.vgpu.jit.rules.short_floats import relu_bits
from harness.vgpu.ptx.program import Instruction, Operand

SECTION = "Data Movement and Conversion Instructions: cvt"
TO_INTEGRAL = {"rni": "rint", "rzi": "trunc", "rmi": "floor", "rpi": "ceil"}
ROUNDINGS = frozenset((*TO_INTEGRAL, "rn", "rz", "rm", "rp", "rna"))
FLAGS = frozenset(("relu", "satfinite", "sat", "ftz"))
SHORT = ("f16", "bf16")
PAIRS = {"f16x2": "f16", "bf16x2": "bf16"}
BYTE_PAIRS = {f"{name}x2": name for name in BYTES}
WIDE = {"f32": "float", "f64": "double", **LLVM_INTEGER}


def find(instruction: Instruction) -> Rule | None:
    """The rule of a `cvt` that names one of these formats, or None."""
    if instruction.opcode != "cvt" or len(instruction.modifiers) < 2:
        return None
    *how, target, source = instruction.modifiers
    if not set(how) <= ROUNDINGS | FLAGS:
        return None
    lower = _choose(target, source, set(how))
    return Rule(lower, SECTION, "fp16") if lower else None


def _choose(target: str, source: str, how: set[str]) -> Lower | None:
    if target == "tf32" and source == "f32":
        return _to_tf32
    if target in PAIRS and source == "f32":
        return _pair_from_singles
    if target in BYTE_PAIRS and source in ("f32", "f16x2"):
        return _to_bytes if {"satfinite", "rn"} <= how else None
    if target == "f16x2" and source in BYTE_PAIRS:
        return _from_bytes
    if target == "bf16" and (source in WIDE or source in SHORT):
        return _to_short
    if target == "f16" and source == "bf16":
        return _to_short
    if target == "f16" and source == "f32" and how & {"relu", "satfinite"}:
        return _to_short
    if source == "bf16" and target in WIDE:
        return _from_bf16
    return None


def _how(c: Context) -> tuple[str, set[str]]:
    """Rounding ("" if none) and flags."""
    modifiers = set(c.instruction.modifiers[:-2])
    return next((m for m in modifiers if m in ROUNDINGS), ""), modifiers & FLAGS


# --- to 16 bits ---------------------------------------------------------------------------------------------------


def _finish_short(c: Context, name: str, bits: str, flags: set[str]) -> str:
    """.satfinite: infinity becomes the largest finite number; .relu: negative numbers become +0."""
    n, type_ = c.lanes, llvm_type("i16", c.lanes)
    if "satfinite" in flags:
        magnitude = c.e.binary("and", "i16", n, bits, splat("i16", 0x7FFF, n))
        infinite = c.e.let(f"icmp eq {type_} {magnitude}, {splat('i16', INFINITY[name], n)}")
        bits = c.e.select(infinite, "i16", n, c.e.binary("sub", "i16", n, bits, splat("i16", 1, n)), bits)
    return relu_bits(c, name, bits) if "relu" in flags else bits


def _pair_from_singles(c: Context) -> None:
    """d, a, b: a in the upper half, b in the lower."""
    name, (rounding, flags) = PAIRS[c.instruction.modifiers[-2]], _how(c)
    d, upper, lower = c.instruction.operands
    halves = [narrow(c, name, c.get(o, "float"), rounding) for o in (lower, upper)]
    put_pieces(c, d, [_finish_short(c, name, bits, flags) for bits in halves])


def _to_short(c: Context) -> None:
    target, source = c.instruction.modifiers[-2:]
    rounding, flags = _how(c)
    d, a = c.instruction.operands
    value = _as_single(c, a, source)
    if rounding in TO_INTEGRAL:
        value = c.e.intrinsic(TO_INTEGRAL[rounding], "float", c.lanes, value)
    rounded = narrow(c, target, value, rounding if rounding in ("rn", "rz", "rm", "rp") else "rn")
    if "sat" in flags:
        rounded = _unit(c, target, rounded)
    put_pieces(c, d, [_finish_short(c, target, rounded, flags)])


def _unit(c: Context, name: str, bits: str) -> str:
    """.sat: clamp to [0, 1]; NaN becomes +0. Positive numbers are ordered as their bits are."""
    n, type_ = c.lanes, llvm_type("i16", c.lanes)
    one = {"f16": 0x3C00, "bf16": 0x3F80}[name]
    clamped = c.e.intrinsic("smin", "i16", n, bits, splat("i16", one, n))
    clamped = c.e.intrinsic("smax", "i16", n, clamped, splat("i16", 0, n))
    nan = is_nan(c, widen(c, name, bits))
    return c.e.select(nan, "i16", n, c.e.bitcast(type_, splat("i16", 0, n), type_), clamped)


def _as_single(c: Context, operand: Operand, source: str) -> str:
    """Any number as FP32: exact, or rounded to odd where 24 bits do not hold it."""
    n = c.lanes
    if source in SHORT:
        return widen(c, source, c.get(operand, "i16"))
    if source == "f32":
        return c.get(operand, "float")
    if source == "f64":
        return odd_single(c, c.get(operand, "double"))
    scalar, signed = LLVM_INTEGER[source], source[0] == "s"
    value, convert = c.get(operand, scalar), "sitofp" if signed else "uitofp"
    if BITS[scalar] < 64:
        return odd_single(c, c.e.cast(convert, scalar, n, value, "double"))
    upper = c.e.binary("ashr" if signed else "lshr", "i64", n, value, splat("i64", 32, n))
    lower = c.e.binary("and", "i64", n, value, splat("i64", 0xFFFFFFFF, n))
    high, low = c.e.cast(convert, "i64", n, upper, "double"), c.e.cast("uitofp", "i64", n, lower, "double")
    scaled = c.e.binary("fmul", "double", n, high, splat("double", float_literal(2.0**32), n))
    return odd_single(c, odd_sum(c, scaled, low))


# --- from bf16 ----------------------------------------------------------------------------------------------------


def _from_bf16(c: Context) -> None:
    target = c.instruction.modifiers[-2]
    rounding, flags = _how(c)
    d, a = c.instruction.operands
    value = widen(c, "bf16", c.get(a, "i16"))
    if target == "f32":
        c.put(d, _saturate_single(c, value) if "sat" in flags else value, "float")
        return
    if target == "f64":
        c.put(d, c.e.cast("fpext", "float", c.lanes, value, "double"), "double")
        return
    scalar, signed = LLVM_INTEGER[target], target[0] == "s"
    if rounding not in TO_INTEGRAL:
        c.unsupported("this rounding")
    whole = c.e.intrinsic(TO_INTEGRAL[rounding], "float", c.lanes, value)
    converted = _clamped(c, whole, scalar, signed)
    if BITS[scalar] == 64:  # NaN: 0 for narrow targets, the sign bit alone for 64 bits
        converted = c.e.select(is_nan(c, value), "i64", c.lanes, splat("i64", 1 << 63, c.lanes), converted)
    c.put_extended(d, converted, scalar, signed)


def _saturate_single(c: Context, value: str) -> str:
    n, type_ = c.lanes, llvm_type("float", c.lanes)
    zero, one = splat("float", "0.0", n), splat("float", "1.0", n)
    positive = c.e.select(c.e.let(f"fcmp ogt {type_} {value}, {zero}"), "float", n, value, zero)
    return c.e.select(c.e.let(f"fcmp olt {type_} {positive}, {one}"), "float", n, positive, one)


def _clamped(c: Context, value: str, scalar: str, signed: bool) -> str:
    """To an integer, clamped to its range; NaN gives 0."""
    name = f"llvm.fpto{'s' if signed else 'u'}i.sat"
    from_type, to_type = llvm_type("float", c.lanes), llvm_type(scalar, c.lanes)
    suffix = f"{scalar}.f32" if c.lanes == 1 else f"v{c.lanes}{scalar}.v{c.lanes}f32"
    c.e.declarations[f"{name}.{suffix}"] = f"declare {to_type} @{name}.{suffix}({from_type})"
    return c.e.let(f"call {to_type} @{name}.{suffix}({from_type} {value})")


# --- tf32 and FP8 -------------------------------------------------------------------------------------------------


def _to_tf32(c: Context) -> None:
    d, a = c.instruction.operands
    rounding, flags = _how(c)
    n, type_ = c.lanes, llvm_type("i32", c.lanes)
    bits = narrow_tf32(c, c.get(a, "float"), rounding)
    if "satfinite" in flags:
        magnitude = c.e.binary("and", "i32", n, bits, splat("i32", 0x7FFFFFFF, n))
        infinite = c.e.let(f"icmp eq {type_} {magnitude}, {splat('i32', 0x7F800000, n)}")
        bits = c.e.select(infinite, "i32", n, c.e.binary("sub", "i32", n, bits, splat("i32", 0x2000, n)), bits)
    if "relu" in flags:
        nan = c.e.let(f"icmp eq {type_} {bits}, {splat('i32', 0x7FFFFFFF, n)}")
        clamped = c.e.intrinsic("smax", "i32", n, bits, splat("i32", 0, n))
        bits = c.e.select(nan, "i32", n, bits, clamped)
    c.put(d, bits, "i32")


def _to_bytes(c: Context) -> None:
    """d, a, b from FP32: a in the upper byte; d, a from f16x2: number by number."""
    target, source = c.instruction.modifiers[-2:]
    name, (_, flags), n = BYTE_PAIRS[target], _how(c), c.lanes
    d, a, *rest = c.instruction.operands
    if source == "f32":
        values = [c.get(o, "float") for o in (*rest, a)]
    else:
        values = [widen(c, "f16", bits) for bits in pieces(c, a, 2)]
    if "relu" in flags:
        zero, type_ = splat("float", "0.0", n), llvm_type("float", n)
        # a comparison that NaN passes
        values = [c.e.select(c.e.let(f"fcmp ugt {type_} {v}, {zero}"), "float", n, v, zero) for v in values]
    low, high = (c.e.cast("zext", "i8", n, narrow_byte(c, name, v), "i16") for v in values)
    c.put(d, c.e.binary("or", "i16", n, c.e.binary("shl", "i16", n, high, splat("i16", 8, n)), low), "i16")


def _from_bytes(c: Context) -> None:
    name, (_, flags), n = BYTE_PAIRS[c.instruction.modifiers[-1]], _how(c), c.lanes
    d, a = c.instruction.operands
    both = c.get(a, "i16")
    upper = c.e.binary("lshr", "i16", n, both, splat("i16", 8, n))
    halves = [widen_byte(c, name, c.e.cast("trunc", "i16", n, b, "i8")) for b in (both, upper)]
    put_pieces(c, d, [relu_bits(c, "f16", h) if "relu" in flags else h for h in halves])
