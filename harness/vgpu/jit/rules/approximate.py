"""The approximate functions of FP32: ex2, lg2, rcp, sqrt, rsqrt, sin, cos, tanh.

PTX documents a bound for each (PTX ISA: Floating Point Instructions); these stay well inside it, and use only
operations that IEEE 754 rounds exactly, so that every CPU gives the same bits. Polynomials are
Taylor or atanh series, long enough for the reduced interval.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import float_literal, llvm_type, splat


def single(value: float) -> float:
    """The nearest FP32 number."""
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def _constant(c: Context, value: float, scalar: str = "double") -> str:
    return splat(scalar, float_literal(value if scalar == "double" else single(value)), c.lanes)


def _polynomial(c: Context, x: str, coefficients: list[float]) -> str:
    """Horner's rule in FP64, the highest power first in the evaluation."""
    result = _constant(c, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = c.e.intrinsic("fma", "double", c.lanes, result, x, _constant(c, coefficient))
    return result


def _wide(c: Context, x: str) -> str:
    return c.e.cast("fpext", "float", c.lanes, x, "double")


def _narrow(c: Context, x: str) -> str:
    return c.e.cast("fptrunc", "double", c.lanes, x, "float")


# 2^f on [-0.5, 0.5] = sum (f ln 2)^k / k!; the seventh term is below 2^-27
EXP2 = [math.log(2) ** k / math.factorial(k) for k in range(8)]


def ex2(c: Context, x: str) -> str:
    """2^x = 2^n 2^f with n the nearest integer, all in FP32: off by less than an ulp and a half.

    2^n by exponent bits, in two factors: the first product is exact, so that subnormals round once.
    """
    n = c.lanes
    clamped = c.e.intrinsic("minimumnum", "float", n, x, _constant(c, 200.0, "float"))
    clamped = c.e.intrinsic("maximumnum", "float", n, clamped, _constant(c, -200.0, "float"))
    whole = c.e.intrinsic("rint", "float", n, clamped)
    fraction = c.e.binary("fsub", "float", n, clamped, whole)  # exact
    power = _constant(c, EXP2[-1], "float")
    for coefficient in reversed(EXP2[:-1]):
        power = c.e.intrinsic("fma", "float", n, power, fraction, _constant(c, coefficient, "float"))
    exponent = c.e.cast("fptosi", "float", n, whole, "i32")
    half = c.e.binary("ashr", "i32", n, exponent, splat("i32", 1, n))
    power = c.e.binary("fmul", "float", n, power, _power_of_2(c, half))
    result = c.e.binary("fmul", "float", n, power, _power_of_2(c, c.e.binary("sub", "i32", n, exponent, half)))
    return _keep_nan(c, x, result)


def _power_of_2(c: Context, exponent: str) -> str:
    """2^n as a normal FP32 number."""
    biased = c.e.binary("add", "i32", c.lanes, exponent, splat("i32", 127, c.lanes))
    bits = c.e.binary("shl", "i32", c.lanes, biased, splat("i32", 23, c.lanes))
    return c.e.bitcast(llvm_type("i32", c.lanes), bits, llvm_type("float", c.lanes))


def _keep_nan(c: Context, x: str, result: str) -> str:
    type_ = llvm_type("float", c.lanes)
    is_nan = c.e.let(f"fcmp uno {type_} {x}, {x}")
    return c.e.select(is_nan, "float", c.lanes, _nan(c), result)


def _nan(c: Context) -> str:
    integer = splat("i32", 0x7FFFFFFF, c.lanes)
    return c.e.bitcast(llvm_type("i32", c.lanes), integer, llvm_type("float", c.lanes))


# log2(m) = 2/ln2 * (s + s^3/3 + s^5/5 + ...), s = (m-1)/(m+1); |s| <= 0.172 for m in [sqrt(1/2), sqrt(2)]
LOG2 = [2 / math.log(2) / (2 * k + 1) for k in range(8)]


def lg2(c: Context, x: str) -> str:
    """log2 x = e + log2 m with m in [sqrt(1/2), sqrt(2)); in FP64 every positive FP32 number is normal."""
    n, wide, integer = c.lanes, llvm_type("double", c.lanes), llvm_type("i64", c.lanes)
    bits = c.e.bitcast(wide, _wide(c, x), integer)
    # adding 2^52 * (2 - sqrt 2) / 2 before taking the exponent moves mantissas above sqrt 2 to the next one
    shift = 0x3FF0000000000000 - 0x3FE6A09E667F3BCD
    moved = c.e.binary("add", "i64", n, bits, splat("i64", shift, n))
    exponent = c.e.binary("ashr", "i64", n, moved, splat("i64", 52, n))
    exponent = c.e.binary("sub", "i64", n, exponent, splat("i64", 1023, n))
    taken = c.e.binary("shl", "i64", n, exponent, splat("i64", 52, n))
    mantissa = c.e.bitcast(integer, c.e.binary("sub", "i64", n, bits, taken), wide)
    one = _constant(c, 1.0)
    s = c.e.binary("fdiv", "double", n, c.e.binary("fsub", "double", n, mantissa, one),
                   c.e.binary("fadd", "double", n, mantissa, one))  # fmt: skip
    series = _polynomial(c, c.e.binary("fmul", "double", n, s, s), LOG2)
    whole = c.e.cast("sitofp", "i64", n, exponent, "double")
    result = _narrow(c, c.e.intrinsic("fma", "double", n, s, series, whole))
    return _log_edges(c, x, result)


def _log_edges(c: Context, x: str, result: str) -> str:
    """log2 of 0 is -inf, of a negative number NaN, of +inf +inf."""
    n, type_ = c.lanes, llvm_type("float", c.lanes)
    zero = splat("float", "0.0", n)
    infinity, minus = splat("float", float_literal(math.inf), n), splat("float", float_literal(-math.inf), n)
    result = c.e.select(c.e.let(f"fcmp oeq {type_} {x}, {zero}"), "float", n, minus, result)
    result = c.e.select(c.e.let(f"fcmp oeq {type_} {x}, {infinity}"), "float", n, infinity, result)
    return c.e.select(c.e.let(f"fcmp ult {type_} {x}, {zero}"), "float", n, _nan(c), result)


def rcp(c: Context, x: str) -> str:
    return c.e.binary("fdiv", "float", c.lanes, splat("float", "1.0", c.lanes), x)


def sqrt(c: Context, x: str) -> str:
    return c.e.intrinsic("sqrt", "float", c.lanes, x)


def rsqrt(c: Context, x: str) -> str:
    """1 / sqrt(x), two roundings of 2^-24 each: below the documented 2^-22.9."""
    return rcp(c, sqrt(c, x))


# Taylor series of sin and cos around 0, used on [-pi/4, pi/4]: the first term left out is below 2^-40
SIN = [(-1) ** k / math.factorial(2 * k + 1) for k in range(7)]
COS = [(-1) ** k / math.factorial(2 * k) for k in range(7)]


def _sine(c: Context, x: str, quarter_turns: int) -> str:
    """sin(x + quarter_turns * pi/2): reduce by pi/2 in FP64, choose the series by the quadrant."""
    n, wide, integer = c.lanes, llvm_type("double", c.lanes), llvm_type("i64", c.lanes)
    value = _wide(c, x)
    turns = c.e.intrinsic("rint", "double", n, c.e.binary("fmul", "double", n, value, _constant(c, 2 / math.pi)))
    rest = c.e.intrinsic("fma", "double", n, turns, _constant(c, -math.pi / 2), value)
    # the part of pi/2 that FP64 cannot hold
    rest = c.e.intrinsic("fma", "double", n, turns, _constant(c, -6.123233995736766e-17), rest)
    limit = splat("double", float_literal(2.0**52), n)
    in_range = c.e.let(f"fcmp olt {wide} {c.e.intrinsic('fabs', 'double', n, turns)}, {limit}")
    safe = c.e.select(in_range, "double", n, turns, splat("double", "0.0", n))
    rest = c.e.select(in_range, "double", n, rest, splat("double", "0.0", n))  # of no use there, but in [-1, 1]
    quadrant = c.e.cast("fptosi", "double", n, safe, "i64")
    quadrant = c.e.binary("add", "i64", n, quadrant, splat("i64", quarter_turns, n))
    square = c.e.binary("fmul", "double", n, rest, rest)
    sine = c.e.binary("fmul", "double", n, rest, _polynomial(c, square, SIN))
    cosine = _polynomial(c, square, COS)
    odd = c.e.let(f"trunc {integer} {quadrant} to {llvm_type('i1', n)}")
    chosen = c.e.select(odd, "double", n, cosine, sine)
    second = c.e.binary("and", "i64", n, quadrant, splat("i64", 2, n))
    negative = c.e.let(f"icmp ne {integer} {second}, {splat('i64', 0, n)}")
    result = _narrow(c, c.e.select(negative, "double", n, c.e.let(f"fneg {wide} {chosen}"), chosen))
    finite = c.e.let(f"fcmp olt {wide} {c.e.intrinsic('fabs', 'double', n, value)}, {_constant(c, math.inf)}")
    return c.e.select(finite, "float", n, result, _nan(c))


def sin(c: Context, x: str) -> str:
    """A zero keeps its sign, which the reduction of the angle would lose."""
    type_, zero = llvm_type("float", c.lanes), splat("float", "0.0", c.lanes)
    return c.e.select(c.e.let(f"fcmp oeq {type_} {x}, {zero}"), "float", c.lanes, x, _sine(c, x, 0))


def cos(c: Context, x: str) -> str:
    return _sine(c, x, 1)


def tanh(c: Context, x: str) -> str:
    """tanh x = (e - 1) / (e + 1), e = 2^(2x / ln 2), in FP64 from the same exponential; x itself where it is tiny."""
    n, type_ = c.lanes, llvm_type("float", c.lanes)
    bound = _constant(c, 10.0, "float")
    clamped = c.e.intrinsic("minimumnum", "float", n, x, bound)
    clamped = c.e.intrinsic("maximumnum", "float", n, clamped, c.e.let(f"fneg {type_} {bound}"))
    power = c.e.binary("fmul", "double", n, _wide(c, clamped), _constant(c, 2 / math.log(2)))
    whole = c.e.intrinsic("rint", "double", n, power)
    fraction = _polynomial(c, c.e.binary("fsub", "double", n, power, whole), EXP2)
    exponent = c.e.binary("add", "i64", n, c.e.cast("fptosi", "double", n, whole, "i64"), splat("i64", 1023, n))
    bits = c.e.binary("shl", "i64", n, exponent, splat("i64", 52, n))
    scale = c.e.bitcast(llvm_type("i64", n), bits, llvm_type("double", n))
    e = c.e.binary("fmul", "double", n, fraction, scale)
    one = _constant(c, 1.0)
    quotient = c.e.binary("fdiv", "double", n, c.e.binary("fsub", "double", n, e, one),
                          c.e.binary("fadd", "double", n, e, one))  # fmt: skip
    size = c.e.intrinsic("fabs", "float", n, x)
    tiny = c.e.let(f"fcmp olt {type_} {size}, {_constant(c, 2.0**-12, 'float')}")
    return _keep_nan(c, x, c.e.select(tiny, "float", n, x, _narrow(c, quotient)))


FUNCTIONS: dict[str, Callable[[Context, str], str]] = {
    "ex2": ex2, "lg2": lg2, "rcp": rcp, "sqrt": sqrt, "rsqrt": rsqrt, "sin": sin, "cos": cos,
}  # fmt: skip
