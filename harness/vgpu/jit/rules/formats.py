"""Number formats narrower than FP32: their bits to FP32 and back, with one rounding (PTX ISA: Alternate Floating-Point
Data Formats).

f16 and bf16 travel as i16, the FP8 formats as i8, tf32 as the FP32 value it is. A result that needs more than
FP32's 24 bits arrives here *rounded to odd* (towards zero, then the last bit set where anything was lost): rounding
such a number again, to at most 22 bits, is the same as rounding the exact one (Boldo and Melquiond, "When double
rounding is odd", 2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import Emitter, float_literal, llvm_type, splat
from harness.vgpu.ptx.program import Operand

NAN = {"f16": 0x7FFF, "bf16": 0x7FFF, "tf32": 0x7FFFFFFF, "e4m3": 0x7F, "e5m2": 0x7F}
INFINITY = {"f16": 0x7C00, "bf16": 0x7F80}
SMALLEST_NORMAL = {"f16": 2.0**-14, "bf16": 2.0**-126}


@dataclass(frozen=True, slots=True)
class Byte:
    """An FP8 format; `largest` is its largest finite number."""

    mantissa: int
    bias: int
    largest: float


class Values(Protocol):
    """Where values are computed: an emitter, and how many lanes they have. A Context is one."""

    @property
    def e(self) -> Emitter: ...

    @property
    def lanes(self) -> int: ...


BYTES = {"e4m3": Byte(3, 7, 448.0), "e5m2": Byte(2, 15, 57344.0)}


# --- registers of one or two numbers of 16 bits -------------------------------------------------------------------


def pieces(c: Context, operand: Operand, packed: int) -> list[str]:
    """The 16-bit numbers of a register, the lowest first, each as i16 in all lanes."""
    if packed == 1:
        return [c.get(operand, "i16")]
    both = c.get(operand, "i32")
    upper = c.e.binary("lshr", "i32", c.lanes, both, splat("i32", 16, c.lanes))
    return [c.e.cast("trunc", "i32", c.lanes, half, "i16") for half in (both, upper)]


def put_pieces(c: Context, operand: Operand, values: list[str]) -> None:
    """The reverse of `pieces`."""
    if len(values) == 1:
        c.put(operand, values[0], "i16")
        return
    low, high = (c.e.cast("zext", "i16", c.lanes, value, "i32") for value in values)
    shifted = c.e.binary("shl", "i32", c.lanes, high, splat("i32", 16, c.lanes))
    c.put(operand, c.e.binary("or", "i32", c.lanes, shifted, low), "i32")


# --- to FP32 ------------------------------------------------------------------------------------------------------


def widen(c: Values, name: str, bits: str) -> str:
    """A number of 16 bits as FP32: always exact."""
    n = c.lanes
    if name == "f16":
        half = c.e.bitcast(llvm_type("i16", n), bits, llvm_type("half", n))
        return c.e.cast("fpext", "half", n, half, "float")
    wide = c.e.cast("zext", "i16", n, bits, "i32")
    return as_single(c, c.e.binary("shl", "i32", n, wide, splat("i32", 16, n)))


def as_single(c: Values, bits: str) -> str:
    return c.e.bitcast(llvm_type("i32", c.lanes), bits, llvm_type("float", c.lanes))


def as_bits(c: Values, value: str) -> str:
    return c.e.bitcast(llvm_type("float", c.lanes), value, llvm_type("i32", c.lanes))


def widen_byte(c: Values, name: str, bits: str) -> str:
    """An FP8 number (i8) as the bits of the f16 that equals it (i16)."""
    n = c.lanes
    wide = c.e.cast("zext", "i8", n, bits, "i16")
    if name == "e5m2":
        result = c.e.binary("shl", "i16", n, wide, splat("i16", 8, n))
        return canonical(c, "f16", result)
    magnitude = c.e.binary("and", "i16", n, wide, splat("i16", 0x7F, n))
    sign = c.e.binary("shl", "i16", n, c.e.binary("and", "i16", n, wide, splat("i16", 0x80, n)), splat("i16", 8, n))
    # shifted into place the exponent is 8 too small; the product is exact, of subnormal numbers too
    scaled = widen(c, "f16", c.e.binary("shl", "i16", n, magnitude, splat("i16", 7, n)))
    scaled = c.e.binary("fmul", "float", n, scaled, splat("float", "256.0", n))
    half = c.e.cast("fptrunc", "float", n, scaled, "half")
    result = c.e.binary("or", "i16", n, c.e.bitcast(llvm_type("half", n), half, llvm_type("i16", n)), sign)
    is_nan = c.e.let(f"icmp eq {llvm_type('i16', n)} {magnitude}, {splat('i16', NAN['e4m3'], n)}")
    return c.e.select(is_nan, "i16", n, splat("i16", NAN["f16"], n), result)


# --- from FP32 ----------------------------------------------------------------------------------------------------


def narrow(c: Values, name: str, value: str, rounding: str = "rn") -> str:
    """An FP32 number as f16 or bf16 (i16); NaN becomes the canonical one."""
    if name == "f16":
        return canonical(c, name, _narrow_half(c, value, rounding))
    cut = _cut(c, value, rounding, 16)
    upper = c.e.binary("lshr", "i32", c.lanes, cut, splat("i32", 16, c.lanes))
    bits = c.e.cast("trunc", "i32", c.lanes, upper, "i16")
    return c.e.select(is_nan(c, value), "i16", c.lanes, splat("i16", NAN["bf16"], c.lanes), bits)


def narrow_tf32(c: Values, value: str, rounding: str) -> str:
    """An FP32 number with 10 bits of fraction, as i32; the 13 bits below are 0."""
    bits = _cut(c, value, rounding, 13)
    kept = c.e.binary("and", "i32", c.lanes, bits, splat("i32", 0xFFFFE000, c.lanes))
    return c.e.select(is_nan(c, value), "i32", c.lanes, splat("i32", NAN["tf32"], c.lanes), kept)


def is_nan(c: Values, value: str, scalar: str = "float") -> str:
    return c.e.let(f"fcmp uno {llvm_type(scalar, c.lanes)} {value}, {value}")


def canonical(c: Values, name: str, bits: str) -> str:
    """Every NaN becomes the one that PTX's arithmetic gives."""
    n = c.lanes
    return c.e.select(is_nan_bits(c, name, bits), "i16", n, splat("i16", NAN[name], n), bits)


def is_nan_bits(c: Values, name: str, bits: str) -> str:
    magnitude = c.e.binary("and", "i16", c.lanes, bits, splat("i16", 0x7FFF, c.lanes))
    return c.e.let(f"icmp ugt {llvm_type('i16', c.lanes)} {magnitude}, {splat('i16', INFINITY[name], c.lanes)}")


def _cut(c: Values, value: str, rounding: str, below: int) -> str:
    """FP32 bits with the increment added that makes cutting the lowest `below` bits off a rounding.

    A carry runs into the exponent, as it should: the number after the largest finite one is infinity.
    """
    n, bits = c.lanes, as_bits(c, value)
    everything = splat("i32", (1 << below) - 1, n)
    if rounding == "rn":
        odd = c.e.binary("lshr", "i32", n, bits, splat("i32", below, n))
        odd = c.e.binary("and", "i32", n, odd, splat("i32", 1, n))
        step = c.e.binary("add", "i32", n, odd, splat("i32", (1 << below - 1) - 1, n))
    elif rounding == "rna":
        step = splat("i32", 1 << below - 1, n)
    elif rounding == "rz":
        return bits
    else:
        sign = c.e.binary("ashr", "i32", n, bits, splat("i32", 31, n))
        if rounding == "rp":
            sign = c.e.binary("xor", "i32", n, sign, splat("i32", -1, n))
        step = c.e.binary("and", "i32", n, sign, everything)
    return c.e.binary("add", "i32", n, bits, step)


def _narrow_half(c: Values, value: str, rounding: str) -> str:
    """To nearest by the CPU; the directed modes take one step back from there where it went the wrong way."""
    n = c.lanes
    nearest = c.e.cast("fptrunc", "float", n, value, "half")
    bits = c.e.bitcast(llvm_type("half", n), nearest, llvm_type("i16", n))
    if rounding == "rn":
        return bits
    back, type_ = c.e.cast("fpext", "half", n, nearest, "float"), llvm_type("float", n)
    negative = c.e.let(f"icmp slt {llvm_type('i32', n)} {as_bits(c, value)}, {splat('i32', 0, n)}")
    away = c.e.let(f"fcmp ogt {type_} {c.e.intrinsic('fabs', 'float', n, back)}, "
                   f"{c.e.intrinsic('fabs', 'float', n, value)}")  # fmt: skip
    short = c.e.let(f"fcmp olt {type_} {c.e.intrinsic('fabs', 'float', n, back)}, "
                    f"{c.e.intrinsic('fabs', 'float', n, value)}")  # fmt: skip
    false = splat("i1", "false", n)
    positive = c.e.binary("xor", "i1", n, negative, splat("i1", "true", n))
    outwards = {"rz": false, "rm": negative, "rp": positive}[rounding]
    inwards = c.e.binary("xor", "i1", n, outwards, splat("i1", "true", n))
    down = c.e.binary("sub", "i16", n, bits, splat("i16", 1, n))
    up = c.e.binary("add", "i16", n, bits, splat("i16", 1, n))
    stepped = c.e.select(c.e.binary("and", "i1", n, away, inwards), "i16", n, down, bits)
    return c.e.select(c.e.binary("and", "i1", n, short, outwards), "i16", n, up, stepped)


def narrow_byte(c: Values, name: str, value: str) -> str:
    """An FP32 number as FP8 (i8), to nearest even; beyond the largest number it stays there (.satfinite)."""
    byte, n, type_ = BYTES[name], c.lanes, llvm_type("float", c.lanes)
    lowest = 1 - byte.bias  # exponent of the smallest normal number
    size = c.e.intrinsic("fabs", "float", n, value)
    size = c.e.intrinsic("minimumnum", "float", n, size, splat("float", float_literal(byte.largest), n))
    exponent = c.e.binary("lshr", "i32", n, as_bits(c, size), splat("i32", 23, n))
    exponent = c.e.intrinsic("umax", "i32", n, exponent, splat("i32", 127 + lowest, n))
    # added to a number of this magnitude, everything below the last kept bit is rounded away; taken off again
    anchor = c.e.binary("add", "i32", n, exponent, splat("i32", 23 - byte.mantissa, n))
    anchor = as_single(c, c.e.binary("shl", "i32", n, anchor, splat("i32", 23, n)))
    rounded = c.e.binary("fsub", "float", n, c.e.binary("fadd", "float", n, size, anchor), anchor)
    bits = c.e.binary("lshr", "i32", n, as_bits(c, rounded), splat("i32", 23 - byte.mantissa, n))
    normal = c.e.binary("sub", "i32", n, bits, splat("i32", 127 - byte.bias << byte.mantissa, n))
    steps = c.e.binary("fmul", "float", n, rounded, splat("float", float_literal(2.0 ** (byte.mantissa - lowest)), n))
    subnormal = c.e.cast("fptoui", "float", n, steps, "i32")
    is_small = c.e.let(f"fcmp olt {type_} {rounded}, {splat('float', float_literal(2.0**lowest), n)}")
    code = c.e.select(is_small, "i32", n, subnormal, normal)
    sign = c.e.binary("lshr", "i32", n, as_bits(c, value), splat("i32", 24, n))
    sign = c.e.binary("and", "i32", n, sign, splat("i32", 0x80, n))
    code = c.e.binary("or", "i32", n, code, sign)
    code = c.e.select(is_nan(c, value), "i32", n, splat("i32", NAN[name], n), code)
    return c.e.cast("trunc", "i32", n, code, "i8")


# --- rounding to odd ----------------------------------------------------------------------------------------------


def odd_sum(c: Values, a: str, b: str) -> str:
    """a + b of doubles, rounded to odd: Knuth's two-sum tells what the nearest sum lost."""
    n, type_, integer = c.lanes, llvm_type("double", c.lanes), llvm_type("i64", c.lanes)
    total = c.e.binary("fadd", "double", n, a, b)
    part = c.e.binary("fsub", "double", n, total, a)
    rest = c.e.binary("fsub", "double", n, a, c.e.binary("fsub", "double", n, total, part))
    error = c.e.binary("fadd", "double", n, rest, c.e.binary("fsub", "double", n, b, part))
    zero = splat("double", "0.0", n)
    lost = c.e.let(f"fcmp one {type_} {error}, {zero}")
    # the sum is too large in magnitude where the error has the other sign
    opposite = c.e.binary("xor", "i64", n, c.e.bitcast(type_, total, integer), c.e.bitcast(type_, error, integer))
    return _make_odd(c, total, lost, c.e.let(f"icmp slt {integer} {opposite}, {splat('i64', 0, n)}"), "double", "i64")


def odd_single(c: Values, value: str) -> str:
    """A double to FP32, rounded to odd."""
    n, type_ = c.lanes, llvm_type("double", c.lanes)
    nearest = c.e.cast("fptrunc", "double", n, value, "float")
    back = c.e.cast("fpext", "float", n, nearest, "double")
    lost = c.e.let(f"fcmp one {type_} {back}, {value}")
    sizes = [c.e.intrinsic("fabs", "double", n, v) for v in (back, value)]
    return _make_odd(c, nearest, lost, c.e.let(f"fcmp ogt {type_} {sizes[0]}, {sizes[1]}"), "float", "i32")


def _make_odd(c: Values, nearest: str, lost: str, too_large: str, scalar: str, integer: str) -> str:
    n, type_ = c.lanes, llvm_type(integer, c.lanes)
    bits = c.e.bitcast(llvm_type(scalar, n), nearest, type_)
    down = c.e.binary("sub", integer, n, bits, splat(integer, 1, n))
    towards_zero = c.e.select(too_large, integer, n, down, bits)
    odd = c.e.binary("or", integer, n, towards_zero, splat(integer, 1, n))
    return c.e.bitcast(type_, c.e.select(lost, integer, n, odd, bits), llvm_type(scalar, n))


def fused(c: Values, a: str, b: str, addend: str) -> str:
    """a * b + addend of FP32 numbers with at most 11 bits each, rounded to odd in FP32."""
    wide = [c.e.cast("fpext", "float", c.lanes, value, "double") for value in (a, b, addend)]
    product = c.e.binary("fmul", "double", c.lanes, wide[0], wide[1])  # exact: 22 bits
    return odd_single(c, odd_sum(c, product, wide[2]))
