"""IEEE 754 arithmetic on bit patterns, exactly: integers in between, one rounding at the end.

A finite number is a sign, an integer and a power of two; nothing here uses the machine's floating point.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt


@dataclass(frozen=True, slots=True)
class Format:
    """A binary interchange format; `fraction` is the number of explicit fraction bits."""

    bits: int
    fraction: int

    @property
    def bias(self) -> int:
        return (1 << self.bits - self.fraction - 2) - 1

    @property
    def sign_bit(self) -> int:
        return 1 << self.bits - 1

    @property
    def infinity(self) -> int:
        return self.sign_bit - (1 << self.fraction)

    @property
    def nan(self) -> int:
        return self.sign_bit - 1

    @property
    def one(self) -> int:
        return self.bias << self.fraction

    @property
    def lowest(self) -> int:
        """The exponent of the last bit of a subnormal."""
        return 1 - self.bias - self.fraction


HALF, SINGLE, DOUBLE = Format(16, 10), Format(32, 23), Format(64, 52)
FORMATS = {"f16": HALF, "f32": SINGLE, "f64": DOUBLE}


@dataclass(frozen=True, slots=True)
class Number:
    """(-1)^sign * whole * 2^exponent."""

    sign: int
    whole: int
    exponent: int

    @property
    def signed(self) -> int:
        return -self.whole if self.sign else self.whole


def is_nan(f: Format, a: int) -> bool:
    return a & f.sign_bit - 1 > f.infinity


def is_infinite(f: Format, a: int) -> bool:
    return a & f.sign_bit - 1 == f.infinity


def is_zero(f: Format, a: int) -> bool:
    return a & f.sign_bit - 1 == 0


def sign_of(f: Format, a: int) -> int:
    return a >> f.bits - 1


def number(f: Format, a: int) -> Number:
    """The value of a finite bit pattern."""
    field = (a & f.sign_bit - 1) >> f.fraction
    fraction = a & (1 << f.fraction) - 1
    if field == 0:
        return Number(sign_of(f, a), fraction, f.lowest)
    return Number(sign_of(f, a), fraction | 1 << f.fraction, f.lowest + field - 1)


def rounded(f: Format, n: Number, mode: str = "rn", more: bool = False) -> int:
    """The bits of a number. `more`: the exact magnitude lies strictly between `whole` and `whole + 1`."""
    sign = n.sign << f.bits - 1
    if n.whole == 0:
        assert not more
        return sign
    last = max(n.exponent + n.whole.bit_length() - f.fraction - 1, f.lowest)
    shift = last - n.exponent
    if shift <= 0:
        assert not more, "too few bits to round"
        kept = n.whole << -shift
    else:
        kept, rest, half = n.whole >> shift, n.whole & (1 << shift) - 1, 1 << shift - 1
        inexact = rest != 0 or more
        assert not more or shift > 1, "too few bits to round"
        up = {
            "rn": rest > half or (rest == half and (more or kept & 1 == 1)),
            "rz": False,
            "rm": inexact and n.sign == 1,
            "rp": inexact and n.sign == 0,
        }[mode]
        kept += up
        if kept >> f.fraction + 1:
            kept, last = kept >> 1, last + 1
    if kept >> f.fraction == 0:  # subnormal
        return sign | kept
    field = last - f.lowest + 1
    if field >= 2 * f.bias + 1:
        to_infinity = mode == "rn" or (mode == "rm" and n.sign == 1) or (mode == "rp" and n.sign == 0)
        return sign | (f.infinity if to_infinity else f.infinity - 1)
    return sign | field << f.fraction | kept & (1 << f.fraction) - 1


def negated(f: Format, a: int) -> int:
    return a ^ f.sign_bit


def add(f: Format, a: int, b: int, mode: str = "rn") -> int:
    if is_nan(f, a) or is_nan(f, b):
        return f.nan
    if is_infinite(f, a):
        return f.nan if is_infinite(f, b) and a != b else a
    if is_infinite(f, b):
        return b
    return rounded(f, _sum(number(f, a), number(f, b), mode), mode)


def _sum(a: Number, b: Number, mode: str) -> Number:
    """Exact; a sum of zero from different signs is +0, or -0 when rounding down."""
    exponent = min(a.exponent, b.exponent)
    total = (a.signed << a.exponent - exponent) + (b.signed << b.exponent - exponent)
    if total == 0:
        return Number(a.sign if a.sign == b.sign else int(mode == "rm"), 0, exponent)
    return Number(int(total < 0), abs(total), exponent)


def multiply(f: Format, a: int, b: int, mode: str = "rn") -> int:
    if is_nan(f, a) or is_nan(f, b):
        return f.nan
    sign = (a ^ b) & f.sign_bit
    if is_infinite(f, a) or is_infinite(f, b):
        return f.nan if is_zero(f, a) or is_zero(f, b) else sign | f.infinity
    return rounded(f, _product(number(f, a), number(f, b)), mode)


def _product(a: Number, b: Number) -> Number:
    return Number(a.sign ^ b.sign, a.whole * b.whole, a.exponent + b.exponent)


def fma(f: Format, a: int, b: int, c: int, mode: str = "rn") -> int:
    if is_nan(f, a) or is_nan(f, b) or is_nan(f, c):
        return f.nan
    if is_infinite(f, a) or is_infinite(f, b) or is_infinite(f, c):
        return add(f, multiply(f, a, b) if is_infinite(f, a) or is_infinite(f, b) else 0, c)
    return rounded(f, _sum(_product(number(f, a), number(f, b)), number(f, c), mode), mode)


def divide(f: Format, a: int, b: int, mode: str = "rn") -> int:
    if is_nan(f, a) or is_nan(f, b):
        return f.nan
    sign = (a ^ b) & f.sign_bit
    if is_infinite(f, a):
        return f.nan if is_infinite(f, b) else sign | f.infinity
    if is_infinite(f, b):
        return sign
    if is_zero(f, b):
        return f.nan if is_zero(f, a) else sign | f.infinity
    x, y = number(f, a), number(f, b)
    shift = 2 * f.fraction + 8
    whole, rest = divmod(x.whole << shift, y.whole)
    return rounded(f, Number(x.sign ^ y.sign, whole, x.exponent - y.exponent - shift), mode, more=rest != 0)


def root(f: Format, a: int, mode: str = "rn") -> int:
    if is_nan(f, a) or (sign_of(f, a) and not is_zero(f, a)):
        return f.nan
    if is_infinite(f, a) or is_zero(f, a):
        return a
    x = number(f, a)
    shift = 2 * f.fraction + 8 + (x.exponent & 1)
    wide = x.whole << shift
    whole = isqrt(wide)
    return rounded(f, Number(0, whole, (x.exponent - shift) // 2), mode, more=whole * whole != wide)


def order(f: Format, a: int) -> int:
    """Ordered as the values are; both zeros are 0."""
    size = a & f.sign_bit - 1
    return -size if sign_of(f, a) else size


def compare(f: Format, name: str, a: int, b: int) -> bool:
    """`lt` is false where an operand is NaN, `ltu` true; `num` and `nan` ask for just that."""
    unordered = is_nan(f, a) or is_nan(f, b)
    if name in ("num", "nan"):
        return unordered == (name == "nan")
    if unordered:
        return name.endswith("u")
    x, y = order(f, a), order(f, b)
    return {"eq": x == y, "ne": x != y, "lt": x < y, "le": x <= y, "gt": x > y, "ge": x >= y}[name.removesuffix("u")]


def extreme(f: Format, name: str, a: int, b: int) -> int:
    """min, max: a number wins over a NaN; -0 is below +0."""
    if is_nan(f, a) or is_nan(f, b):
        return f.nan if is_nan(f, a) and is_nan(f, b) else b if is_nan(f, a) else a

    def key(x: int) -> tuple[int, int]:
        return order(f, x), -sign_of(f, x)

    return min(a, b, key=key) if name == "min" else max(a, b, key=key)


def flushed(f: Format, a: int) -> int:
    """.ftz: a subnormal becomes a zero of the same sign."""
    return a & f.sign_bit if (a & f.sign_bit - 1) >> f.fraction == 0 else a


def saturated(f: Format, a: int) -> int:
    """.sat: into [0, 1], NaN to +0."""
    if is_nan(f, a) or sign_of(f, a) or is_zero(f, a):
        return 0
    return min(a, f.one)


def converted(source: Format, target: Format, a: int, mode: str = "rn") -> int:
    if is_nan(source, a):
        return target.nan
    if is_infinite(source, a):
        return sign_of(source, a) << target.bits - 1 | target.infinity
    return rounded(target, number(source, a), mode)


def integer(f: Format, a: int, mode: str) -> int:
    """A finite number to an integer: rni, rzi, rmi, rpi."""
    n = number(f, a)
    if n.exponent >= 0:
        return n.signed << n.exponent
    below, rest, half = n.signed >> -n.exponent, n.signed & (1 << -n.exponent) - 1, 1 << -n.exponent - 1
    up = {
        "rmi": False,
        "rpi": rest != 0,
        "rzi": rest != 0 and n.signed < 0,
        "rni": rest > half or (rest == half and below & 1 == 1),
    }[mode]
    return below + up


def integral(f: Format, a: int, mode: str) -> int:
    """A number to an integer in the same format; a zero keeps the sign."""
    if is_nan(f, a):
        return f.nan
    if is_infinite(f, a):
        return a
    whole = integer(f, a, mode)
    return rounded(f, Number(sign_of(f, a), abs(whole), 0))


def from_integer(f: Format, value: int, mode: str = "rn") -> int:
    return rounded(f, Number(int(value < 0), abs(value), 0), mode)


def clamped_integer(f: Format, a: int, mode: str, low: int, high: int) -> int:
    """As `integer`, into a range; an infinity gives its end. NaN is the caller's."""
    if is_infinite(f, a):
        return low if sign_of(f, a) else high
    return max(low, min(high, integer(f, a, mode)))
