"""Binary floating point by the book: values as fractions, and each rounding of IEEE 754 done once.

A number is its bits. `Format` takes bits apart into a `Number` and rounds exact results back to bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

NEAREST, ZERO, DOWN, UP = "rn", "rz", "rm", "rp"
NAN = "NaN"  # a result that may be any NaN


@dataclass(frozen=True, slots=True)
class Number:
    """`kind` is "finite", "infinite" or "nan"; a zero has a sign too."""

    kind: str
    negative: bool
    size: Fraction = Fraction(0)

    @property
    def value(self) -> Fraction:
        return -self.size if self.negative else self.size

    @property
    def is_zero(self) -> bool:
        return self.kind == "finite" and self.size == 0


@dataclass(frozen=True, slots=True)
class Format:
    """An IEEE 754 interchange format: width, and bits of the stored significand."""

    width: int
    fraction_bits: int

    @property
    def bias(self) -> int:
        return (1 << self.width - self.fraction_bits - 2) - 1

    @property
    def sign_bit(self) -> int:
        return 1 << self.width - 1

    @property
    def infinity(self) -> int:
        return ((1 << self.width - self.fraction_bits - 1) - 1) << self.fraction_bits

    @property
    def largest(self) -> int:
        return self.infinity - 1

    @property
    def smallest_normal(self) -> int:
        return 1 << self.fraction_bits

    @property
    def quiet_nan(self) -> int:
        return self.infinity | 1 << self.fraction_bits - 1

    @property
    def one(self) -> int:
        return self.bias << self.fraction_bits

    def number(self, bits: int) -> Number:
        return _number(self, bits)

    def is_nan(self, bits: int) -> bool:
        return bits & self.sign_bit - 1 > self.infinity

    def is_subnormal(self, bits: int) -> bool:
        return 0 < bits & self.sign_bit - 1 < self.smallest_normal

    def flushed(self, bits: int) -> int:
        """What .ftz makes of it."""
        return bits & self.sign_bit if self.is_subnormal(bits) else bits

    def signed_zero(self, negative: bool) -> int:
        return self.sign_bit if negative else 0

    def signed_infinity(self, negative: bool) -> int:
        return self.signed_zero(negative) | self.infinity

    def rounded(self, value: Fraction, mode: str, negative_zero: bool = False) -> int:
        """The bits of an exact result; `negative_zero` is the sign that an exact zero gets."""
        if value == 0:
            return self.signed_zero(negative_zero)
        negative, size = value < 0, abs(value)
        power = max(_exponent(size), 1 - self.bias) - self.fraction_bits
        bits = _rounded_quotient(size.numerator << max(-power, 0), size.denominator << max(power, 0), mode, negative)
        if power > 1 - self.bias - self.fraction_bits:  # the exponent's field counts from the smallest normal number
            bits += (power + self.bias + self.fraction_bits - 1) << self.fraction_bits
        if bits >= self.infinity:
            away = mode == NEAREST or mode == (DOWN if negative else UP)
            bits = self.infinity if away else self.largest
        return self.signed_zero(negative) | bits


HALF, BRAIN, SINGLE, DOUBLE = Format(16, 10), Format(16, 7), Format(32, 23), Format(64, 52)


@cache
def _number(form: Format, bits: int) -> Number:
    negative, rest = bool(bits & form.sign_bit), bits & form.sign_bit - 1
    if rest > form.infinity:
        return Number("nan", negative)
    if rest == form.infinity:
        return Number("infinite", negative)
    exponent, fraction = rest >> form.fraction_bits, rest & form.smallest_normal - 1
    if exponent:
        fraction |= form.smallest_normal
    return Number("finite", negative, _scaled(fraction, max(exponent, 1) - form.bias - form.fraction_bits))


def _scaled(whole: int, power: int) -> Fraction:
    """whole * 2^power."""
    return Fraction(whole << power) if power >= 0 else Fraction(whole, 1 << -power)


def _exponent(size: Fraction) -> int:
    """floor(log2(size))."""
    guess = size.numerator.bit_length() - size.denominator.bit_length()
    reached = size.numerator << max(-guess, 0) >= size.denominator << max(guess, 0)
    return guess if reached else guess - 1


def _rounded_quotient(numerator: int, denominator: int, mode: str, negative: bool) -> int:
    """The size of a quotient as an integer."""
    whole, rest = divmod(numerator, denominator)
    if mode == NEAREST:
        return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1))
    return whole + (mode != ZERO and rest > 0 and negative == (mode == DOWN))


# --- operations on bits: each gives bits, or NAN ------------------------------------------------------------------

Result = int | str


def fma(form: Format, a: int, b: int, c: int, mode: str = NEAREST) -> Result:
    x, y, z = (form.number(bits) for bits in (a, b, c))
    if "nan" in (x.kind, y.kind, z.kind):
        return NAN
    negative = x.negative != y.negative
    if "infinite" in (x.kind, y.kind):
        if x.is_zero or y.is_zero or (z.kind == "infinite" and z.negative != negative):
            return NAN
        return form.signed_infinity(negative)
    if z.kind == "infinite":
        return form.signed_infinity(z.negative)
    product = x.value * y.value
    if product == 0 and z.is_zero and negative == z.negative:
        return form.signed_zero(negative)
    return form.rounded(product + z.value, mode, negative_zero=mode == DOWN)


def multiply(form: Format, a: int, b: int, mode: str = NEAREST) -> Result:
    x, y = form.number(a), form.number(b)
    negative = x.negative != y.negative
    if "nan" in (x.kind, y.kind):
        return NAN
    if "infinite" in (x.kind, y.kind):
        return NAN if x.is_zero or y.is_zero else form.signed_infinity(negative)
    return form.rounded(x.value * y.value, mode, negative)


def add(form: Format, a: int, b: int, mode: str = NEAREST) -> Result:
    return fma(form, a, form.one, b, mode)


def subtract(form: Format, a: int, b: int, mode: str = NEAREST) -> Result:
    return NAN if form.is_nan(b) else add(form, a, b ^ form.sign_bit, mode)


def divide(form: Format, a: int, b: int, mode: str = NEAREST) -> Result:
    x, y = form.number(a), form.number(b)
    negative = x.negative != y.negative
    if "nan" in (x.kind, y.kind) or x.kind == y.kind == "infinite" or (x.is_zero and y.is_zero):
        return NAN
    if x.kind == "infinite" or y.is_zero:
        return form.signed_infinity(negative)
    if y.kind == "infinite":
        return form.signed_zero(negative)
    return form.rounded(x.value / y.value, mode, negative)


def square_root(form: Format, a: int, mode: str = NEAREST) -> Result:
    x = form.number(a)
    if x.is_zero:
        return a
    if x.kind == "nan" or x.negative:
        return NAN
    if x.kind == "infinite":
        return a
    # an integer root of 2 + precision bits, with a last bit that says whether something is left
    shift = 2 * (form.width + 4) - (_exponent(x.size) & ~1)
    scaled = x.size * _scaled(1, shift)
    assert scaled.denominator == 1
    root = math.isqrt(scaled.numerator)
    exact = root * root == scaled.numerator
    return form.rounded(_scaled(2 * root + (not exact), -1 - shift // 2), mode)


def least(form: Format, a: int, b: int) -> Result:
    """min: a NaN gives way to a number, and -0 is less than +0."""
    return _choose(form, a, b, lambda x, y: x <= y)


def greatest(form: Format, a: int, b: int) -> Result:
    return _choose(form, a, b, lambda x, y: x >= y)


def _choose(form: Format, a: int, b: int, first: Callable[[int, int], bool]) -> Result:
    if form.is_nan(a) and form.is_nan(b):
        return NAN
    if form.is_nan(a) or form.is_nan(b):
        return b if form.is_nan(a) else a
    return a if first(order(form, a), order(form, b)) else b


def order(form: Format, bits: int) -> int:
    """Numbers in order as integers; -0 comes just before +0."""
    size = bits & form.sign_bit - 1
    return -size - 1 if bits & form.sign_bit else size


def saturated(form: Format, result: Result) -> Result:
    """.sat: into [+0, 1]; NaN gives +0."""
    if result == NAN:
        return 0
    assert isinstance(result, int)
    if result & form.sign_bit:
        return 0
    return min(result, form.one)


def rectified(form: Format, result: Result) -> Result:
    """.relu: nothing below +0."""
    return 0 if isinstance(result, int) and result & form.sign_bit else result


def flushed(form: Format, result: Result) -> Result:
    return result if isinstance(result, str) else form.flushed(result)


def convert(source: Format, target: Format, bits: int, mode: str = NEAREST) -> Result:
    x = source.number(bits)
    if x.kind == "nan":
        return NAN
    if x.kind == "infinite":
        return target.signed_infinity(x.negative)
    return target.rounded(x.value, mode, x.negative)


def integral(value: Fraction, mode: str) -> int:
    """Rounded to an integer by rni, rzi, rmi or rpi."""
    size = _rounded_quotient(abs(value.numerator), value.denominator, mode[:2], value < 0)
    return -size if value < 0 else size
