"""cvt to and from bf16, tf32 and FP8: exact rational numbers, rounded once in the mode that the instruction names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest


@dataclass(frozen=True)
class Format:
    fraction: int
    bias: int
    largest: int  # code of the largest finite number
    nan: int

    def __post_init__(self) -> None:
        assert self.largest < self.nan


F16 = Format(10, 15, 0x7BFF, 0x7FFF)
BF16 = Format(7, 127, 0x7F7F, 0x7FFF)
TF32 = Format(10, 127, 0x3FBFF, 0x3FFFF)  # without the 13 bits below
E4M3 = Format(3, 7, 0x7E, 0x7F)
E5M2 = Format(2, 15, 0x7B, 0x7F)
SIGN = {F16: 15, BF16: 15, TF32: 18, E4M3: 7, E5M2: 7}


def value(f: Format, code: int) -> Fraction:
    exponent, fraction = code >> f.fraction, code & (1 << f.fraction) - 1
    return Fraction(fraction + ((exponent > 0) << f.fraction)) * Fraction(2) ** (max(exponent, 1) - f.bias - f.fraction)


def rounded(f: Format, number: Fraction | float, mode: str = "rn", flags: str = "", negative_zero: bool = False) -> int:
    """The code of `number` (an exact Fraction, or a float that is inf or NaN)."""
    sign_bit = 1 << SIGN[f]
    if isinstance(number, float) and number != number:
        return f.nan
    sign = number < 0 or (number == 0 and negative_zero)
    if "relu" in flags and sign:
        return 0
    beyond = f.largest if "satfinite" in flags else f.largest + 1
    if isinstance(number, float):
        return sign * sign_bit | beyond
    size = abs(number)
    exponent = -f.bias + 1
    if size:
        exponent = max(exponent, size.numerator.bit_length() - size.denominator.bit_length())
        exponent -= exponent > 1 - f.bias and Fraction(2) ** exponent > size
    whole, rest = divmod(size, Fraction(2) ** (exponent - f.fraction))
    half = rest / Fraction(2) ** (exponent - f.fraction) * 2
    up = {"rn": half > 1 or (half == 1 and whole & 1), "rna": half >= 1, "rz": False,
          "rm": sign and half > 0, "rp": not sign and half > 0}[mode]  # fmt: skip
    code = (exponent + f.bias - 1 << f.fraction) + int(whole) + bool(up)
    if code > f.largest:
        code = f.largest if mode == "rz" or (mode == "rm" and not sign) or (mode == "rp" and sign) else beyond
    return sign * sign_bit | code


def exact(bits: int, type_: str) -> Fraction | float:
    number = {"f32": np.uint32, "f64": np.uint64}[type_](bits).view({"f32": np.float32, "f64": np.float64}[type_])
    return Fraction(float(number)) if np.isfinite(number) else float(number)


def singles(count: int = 500) -> np.ndarray:
    """Random bits, numbers near the small formats' midpoints and limits, edges."""
    rng = np.random.default_rng(5)
    edges = np.array([0, 1 << 31, 1, 0x80000001, 0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC12345, 0x7F7FFFFF,
                      0x3F808000, 0x3F818000, 0x3F801000, 0x3F803000, 0x43E80000, 0x43E00000, 0x43E80001, 0x47680000,
                      0x3B000000, 0x3A800000, 0x3A800001, 0x37800000, 0x37000000, 0x477FF000, 0x477FEFFF])  # fmt: skip
    near = (rng.integers(90, 150, count) << 23) | rng.integers(0, 1 << 23, count) & ~(
        (1 << rng.integers(0, 23, count)) - 1
    )
    near |= rng.integers(0, 2, count) << 31
    return np.concatenate([edges, near, near + 1, near - 1, rng.integers(0, 1 << 32, count)]) & 0xFFFFFFFF


def check(got: np.ndarray, wanted: list[int], form: str) -> None:
    np.testing.assert_array_equal(got, np.array(wanted, np.uint64), form)


def test_from_fp32(evaluate: Callable) -> None:
    column = singles()
    forms = [("cvt.rn.bf16.f32", BF16), ("cvt.rz.bf16.f32", BF16), ("cvt.rm.bf16.f32", BF16), ("cvt.rp.bf16.f32", BF16),
             ("cvt.rn.relu.bf16.f32", BF16), ("cvt.rn.satfinite.bf16.f32", BF16), ("cvt.rna.tf32.f32", TF32),
             ("cvt.rn.tf32.f32", TF32), ("cvt.rz.relu.tf32.f32", TF32), ("cvt.rna.satfinite.tf32.f32", TF32),
             ("cvt.rn.relu.f16.f32", F16), ("cvt.rz.satfinite.f16.f32", F16), ("cvt.rn.relu.satfinite.f16.f32", F16)]  # fmt: skip
    results = evaluate([(form, "r" if f is TF32 else "h", "f") for form, f in forms], [column])
    for (form, f), (got,) in zip(forms, results, strict=True):
        mode = form.split(".")[1]
        wanted = [rounded(f, exact(int(b), "f32"), mode, form, bool(int(b) >> 31)) for b in column]
        if f is TF32:  # the payload below is 0, of the canonical NaN all ones
            wanted = [0x7FFFFFFF if w == f.nan else (w << 13) & 0xFFFFFFFF for w in wanted]
        check(got, wanted, form)


def test_pairs_from_fp32(evaluate: Callable) -> None:
    upper, lower = singles(), np.roll(singles(), 7)
    forms = [("cvt.rn.bf16x2.f32", BF16, "r"), ("cvt.rz.relu.bf16x2.f32", BF16, "r"), ("cvt.rn.relu.f16x2.f32", F16, "r"),
             ("cvt.rz.f16x2.f32", F16, "r"), ("cvt.rn.satfinite.e4m3x2.f32", E4M3, "h"),
             ("cvt.rn.satfinite.relu.e4m3x2.f32", E4M3, "h"), ("cvt.rn.satfinite.e5m2x2.f32", E5M2, "h")]  # fmt: skip
    results = evaluate([(form, d, "ff") for form, _, d in forms], [upper, lower])
    for (form, f, _), (got,) in zip(forms, results, strict=True):
        one = [[rounded(f, exact(int(b), "f32"), form.split(".")[1], form, bool(int(b) >> 31)) for b in column]
               for column in (upper, lower)]  # fmt: skip
        check(got, [high << SIGN[f] + 1 | low for high, low in zip(*one, strict=True)], form)


@pytest.mark.parametrize(("name", "f"), [("e4m3", E4M3), ("e5m2", E5M2)])
def test_every_fp8_number(name: str, f: Format, evaluate: Callable) -> None:
    codes = np.arange(256) | np.arange(256)[::-1] << 8
    ((got,), (clamped,)) = evaluate(
        [(f"cvt.rn.f16x2.{name}x2", "r", "h"), (f"cvt.rn.relu.f16x2.{name}x2", "r", "h")], [codes]
    )

    def as_half(code: int) -> int:
        magnitude = code & 0x7F
        if magnitude > f.largest:
            infinite = f is E5M2 and magnitude == 0x7C
            return (code & 0x80) << 8 | 0x7C00 if infinite else 0x7FFF
        return rounded(F16, -value(f, magnitude) if code & 0x80 else value(f, magnitude), negative_zero=code >> 7 != 0)

    halves = [[as_half(int(code) >> shift & 255) for code in codes] for shift in (0, 8)]
    check(got, [low | high << 16 for low, high in zip(*halves, strict=True)], name)
    positive = [[0 if half >> 15 else half for half in column] for column in halves]
    check(clamped, [low | high << 16 for low, high in zip(*positive, strict=True)], name)
    ((back,),) = evaluate([(f"cvt.rn.satfinite.{name}x2.f16x2", "h", "r")], [got])
    number = [[int(code) >> shift & 255 for code in codes] for shift in (0, 8)]
    kept = [[0x7F if c & 0x7F > f.largest + (f is E5M2) else min(c & 0x7F, f.largest) | c & 0x80 for c in column]
            for column in number]  # fmt: skip
    check(back, [low | high << 8 for low, high in zip(*kept, strict=True)], name)


def test_bf16_from_wide_numbers_rounds_once(evaluate: Callable) -> None:
    rng = np.random.default_rng(9)
    numbers = rng.integers(0, 1 << 63, 300).astype(np.uint64) * 2 >> rng.integers(0, 64, 300).astype(np.uint64)
    exponents = np.repeat(np.arange(8, 64), 6)
    halfway = np.array([(257 << int(e) - 8) + int(d) if e >= 9 else int(d) & 0xFF for e, d in
                        zip(exponents, np.tile([0, 1, -1, 2, 3, 5], 56), strict=True)], object)  # fmt: skip
    column = np.concatenate([numbers, np.array([int(h) & (1 << 64) - 1 for h in halfway], np.uint64)])
    forms = [f"cvt.{mode}.bf16.{type_}" for type_ in ("u64", "s64", "u32", "s32", "u16", "s16")
             for mode in ("rn", "rz", "rm", "rp")]  # fmt: skip
    letters = {"64": "d", "32": "r", "16": "h"}
    results = evaluate([(form, "h", letters[form[-2:]]) for form in forms], [column])
    for form, (got,) in zip(forms, results, strict=True):
        bits = int(form[-2:])
        wanted = []
        for number in column:
            n = int(number) & (1 << bits) - 1
            n -= (form[-3] == "s" and n >> bits - 1) << bits
            wanted.append(rounded(BF16, Fraction(n), form.split(".")[1]))
        check(got, wanted, form)
    doubles = (np.frombuffer(rng.bytes(2400), np.uint64) & np.uint64(0x800FFFFFFFFFFFFF)) | (
        rng.integers(860, 1160, 300).astype(np.uint64) << np.uint64(52)
    )
    near = np.array([0x3FF0100000000000, 0x3FF0100000000001, 0x3FF00FFFFFFFFFFF, 0x3FF0300000000000,
                     0x7FF0000000000000, 0xFFF8000000000000, 0x8000000000000000, 0x36A0000000000001], np.uint64)  # fmt: skip
    doubles = np.concatenate([doubles, near])
    modes = ("rn", "rz", "rm", "rp")
    results = evaluate([(f"cvt.{mode}.bf16.f64", "h", "x") for mode in modes], [doubles])
    for mode, (got,) in zip(modes, results, strict=True):
        check(got, [rounded(BF16, exact(int(b), "f64"), mode, negative_zero=bool(int(b) >> 63)) for b in doubles], mode)


def test_from_bf16_to_numbers_and_integers(evaluate: Callable) -> None:
    column = np.arange(0, 0x10000, 37)
    number = (column.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(invalid="ignore"):
        wide = number.astype(np.float64)
    (single,), (double,), (clamped,) = evaluate(
        [("cvt.f32.bf16", "f", "h"), ("cvt.f64.bf16", "x", "h"), ("cvt.sat.f32.bf16", "f", "h")], [column]
    )
    np.testing.assert_array_equal(single, number.view(np.uint32))
    known = ~np.isnan(number)
    np.testing.assert_array_equal(double[known], wide.view(np.uint64)[known])
    unit = np.where(number > 0, np.minimum(number, 1), 0).astype(np.float32)
    np.testing.assert_array_equal(clamped, unit.view(np.uint32))
    rounding = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}
    types = {"s8": "h", "u8": "h", "s16": "h", "u16": "h", "s32": "r", "u32": "r", "s64": "d", "u64": "d"}
    forms = [f"cvt.{mode}.{type_}.bf16" for mode in rounding for type_ in types]
    results = evaluate([(form, types[form.split(".")[2]], "h") for form in forms], [column])
    for form, (got,) in zip(forms, results, strict=True):
        mode, type_ = form.split(".")[1:3]
        bits, signed = int(type_[1:]), type_[0] == "s"
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        wanted = []
        for x in wide:
            if np.isnan(x):
                result = 1 << 63 if bits == 64 else 0
            elif np.isinf(x):
                result = high if x > 0 else low
            else:
                result = min(max(int(rounding[mode](x)), low), high)
            wanted.append(result & (1 << max(bits, 16)) - 1)
        check(got, wanted, form)
    (whole,), (half,) = evaluate([("cvt.rni.bf16.bf16", "h", "h"), ("cvt.rn.f16.bf16", "h", "h")], [column])
    check(whole, [rounded(BF16, Fraction(float(np.rint(x))) if np.isfinite(x) else float(x),
                          negative_zero=bool(np.signbit(x))) for x in wide], "rni")  # fmt: skip
    check(half, [rounded(F16, Fraction(float(x)) if np.isfinite(x) else float(x), negative_zero=bool(np.signbit(x)))
                 for x in wide], "f16")  # fmt: skip
