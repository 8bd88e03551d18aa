"""bf16 and f16 arithmetic against exact rational numbers, rounded once."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

# name: (bits of fraction, bits of exponent)
FORMATS = {"f16": (10, 5), "bf16": (7, 8)}
NAN = 0x7FFF


def decode(name: str, bits: int) -> Fraction | float:
    """The number as a Fraction; infinities, NaN and -0.0 as floats."""
    fraction_bits, exponent_bits = FORMATS[name]
    sign = -1 if bits >> 15 else 1
    exponent = bits >> fraction_bits & (1 << exponent_bits) - 1
    fraction = bits & (1 << fraction_bits) - 1
    bias = (1 << exponent_bits - 1) - 1
    if exponent == (1 << exponent_bits) - 1:
        return float("nan") if fraction else sign * float("inf")
    if exponent == 0 and fraction == 0 and sign < 0:
        return -0.0
    scale = max(exponent, 1) - bias - fraction_bits
    return sign * Fraction(fraction + ((exponent > 0) << fraction_bits)) * Fraction(2) ** scale


def encode(name: str, value: Fraction | float, zero_sign: int = 0) -> int:
    """Round to nearest even; an exact zero takes `zero_sign`."""
    fraction_bits, exponent_bits = FORMATS[name]
    infinity, bias = (1 << exponent_bits) - 1 << fraction_bits, (1 << exponent_bits - 1) - 1
    if isinstance(value, float):
        if value != value:
            return NAN
        return (0x8000 if str(value)[0] == "-" else 0) | (infinity if value else 0)
    if value == 0:
        return zero_sign << 15
    sign, size = (0x8000, -value) if value < 0 else (0, value)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent -= Fraction(2) ** exponent > size
    exponent = max(exponent, 1 - bias)
    steps = size / Fraction(2) ** (exponent - fraction_bits)
    whole, rest = divmod(steps.numerator, steps.denominator)
    twice = 2 * rest
    whole += twice > steps.denominator or (twice == steps.denominator and whole & 1)
    bits = (exponent + bias - 1 << fraction_bits) + whole  # a subnormal number has no leading 1 to add
    return sign | min(bits, infinity)


def is_special(*values: Fraction | float) -> bool:
    return any(isinstance(v, float) and (v != v or abs(v) == float("inf")) for v in values)


def exact(operation: str, name: str, *bits: int) -> int:
    values = [decode(name, b) for b in bits]
    if operation == "sub":
        return exact("add", name, bits[0], bits[1] ^ 0x8000)
    signs = [b >> 15 for b in bits]
    if is_special(*values):
        floats = [float(v) for v in values]
        if operation == "mul":
            return encode(name, floats[0] * floats[1])
        if operation == "add":
            return encode(name, floats[0] + floats[1])
        product = floats[0] * floats[1]
        finite = not is_special(values[0], values[1])
        return encode(name, floats[2] if finite else product + floats[2])
    rational = [Fraction(v) if v else Fraction(0) for v in values]
    if operation == "mul":
        return encode(name, rational[0] * rational[1], signs[0] ^ signs[1]) | (signs[0] ^ signs[1]) << 15
    if operation == "add":
        return encode(name, rational[0] + rational[1], signs[0] & signs[1])
    product, product_sign = rational[0] * rational[1], signs[0] ^ signs[1]
    zero_sign = product_sign & signs[2] if product == 0 or rational[2] == 0 else 0
    return encode(name, product + rational[2], zero_sign)


def flushed(name: str, bits: int) -> int:
    exponent_mask = (1 << FORMATS[name][1]) - 1 << FORMATS[name][0]
    return bits if bits & exponent_mask else bits & 0x8000


def is_nan(name: str, bits: int) -> bool:
    return bits & 0x7FFF > {"f16": 0x7C00, "bf16": 0x7F80}[name]


def relu(name: str, bits: int) -> int:
    return NAN if is_nan(name, bits) else 0 if bits >> 15 else bits


def saturated(name: str, bits: int) -> int:
    one = {"f16": 0x3C00, "bf16": 0x3F80}[name]
    return 0 if bits >> 15 or is_nan(name, bits) else min(bits, one)


def extreme(operation: str, name: str, flags: tuple[str, ...], a: int, b: int) -> int:
    """The pseudocode of the PTX ISA."""
    if "ftz" in flags:
        a, b = flushed(name, a), flushed(name, b)
    sign = (a ^ b) & 0x8000
    if "xorsign" in flags:
        a, b = a & 0x7FFF, b & 0x7FFF
    nans = is_nan(name, a), is_nan(name, b)
    if all(nans) or ("NaN" in flags and any(nans)):
        return NAN
    if any(nans):
        result = b if nans[0] else a
    else:
        order = [(-(x & 0x7FFF) - 1 if x >> 15 else x) for x in (a, b)]
        first = order[0] < order[1] if operation == "min" else order[0] > order[1]
        result = a if first else b
    return result | sign if "xorsign" in flags else result


def interesting(name: str, count: int, seed: int) -> np.ndarray:
    """Edges, random bits, and numbers of like exponents, where sums cancel and midpoints occur."""
    fraction_bits, _ = FORMATS[name]
    rng = np.random.default_rng(seed)
    infinity = {"f16": 0x7C00, "bf16": 0x7F80}[name]
    one = {"f16": 0x3C00, "bf16": 0x3F80}[name]
    edges = [0, 1, 2, (1 << fraction_bits) - 1, 1 << fraction_bits, one - 1, one, one + 1, one + (1 << fraction_bits),
             infinity - 1, infinity, infinity + 1, NAN]  # fmt: skip
    edges = np.array(edges + [e | 0x8000 for e in edges])
    near = one - (2 << fraction_bits) + rng.integers(0, 4 << fraction_bits, count) + (rng.integers(0, 2, count) << 15)
    everything = rng.integers(0, 0x10000, count)
    column = np.where(rng.random(count) < 0.6, near, everything)
    return np.where(rng.random(count) < 0.2, rng.choice(edges, count), column)


def columns(name: str, count: int = 700) -> list[np.ndarray]:
    found = [interesting(name, count, seed) for seed in range(6)]
    # products on a midpoint with an addend far below: one rounding differs from two
    midpoint = {"f16": (0x3C01, 0x3E00), "bf16": (0x3F81, 0x3FC0)}[name]
    found[0][:8], found[1][:8] = midpoint[0], midpoint[1]
    found[2][:8] = [1, 0x8001, 2, 0x8002, 0, 0x8000, 0x0400, 0x8400]
    return found


@pytest.mark.parametrize("name", ["f16", "bf16"])
def test_arithmetic_rounds_the_exact_result_once(name: str, evaluate: Callable) -> None:
    values = columns(name)
    forms = {"add.bf16": (), "sub.rn.bf16": (), "mul.bf16": (), "fma.rn.bf16": (), "fma.rn.relu.bf16": ()}
    if name == "f16":
        flags = ["ftz", "ftz.sat"]
        forms = {f"{op}.{f}.f16": () for op in ("add", "sub.rn", "mul", "fma.rn") for f in flags}
        forms |= {"fma.rn.relu.f16": (), "fma.rn.ftz.relu.f16": ()}
    results = evaluate([(form, "h", "hhh" if form[0] == "f" else "hh") for form in forms], values[:3])
    for form, (got,) in zip(forms, results, strict=True):
        operation, *flags = form.split(".")
        wanted = []
        for row in zip(*values[: 3 if operation == "fma" else 2], strict=True):
            bits = [flushed(name, int(b)) if "ftz" in flags else int(b) for b in row]
            result = exact(operation, name, *bits)
            if "ftz" in flags:
                result = flushed(name, result)
            if "sat" in flags:
                result = saturated(name, result)
            wanted.append(relu(name, result) if "relu" in flags else result)
        np.testing.assert_array_equal(got, np.array(wanted, np.uint64), form)


@pytest.mark.parametrize("name", ["f16", "bf16"])
def test_packed_arithmetic_is_that_of_each_half(name: str, evaluate: Callable) -> None:
    values = columns(name)
    packed = [low | values[i + 3] << 16 for i, low in enumerate(values[:3])]
    forms = ["fma.rn.relu", "min.NaN", "max.xorsign.abs", "tanh.approx"]
    forms += ["add", "mul", "fma.rn", "neg", "abs", "min", "ex2.approx.ftz"] if name == "bf16" else ["ex2.approx"]
    count = {"fma": 3, "neg": 1, "abs": 1, "tanh": 1, "ex2": 1}
    cases = [(f"{form}.{name}x2", "r", "r" * count.get(form.split(".")[0], 2)) for form in forms]
    single = [(f"{form}.{name}", "h", "h" * count.get(form.split(".")[0], 2)) for form in forms]
    got, low, high = evaluate(cases, packed), evaluate(single, values[:3]), evaluate(single, values[3:])
    for case, (both,), (lower,), (upper,) in zip(cases, got, low, high, strict=True):
        np.testing.assert_array_equal(both, lower | upper << np.uint64(16), case[0])


@pytest.mark.parametrize("name", ["f16", "bf16"])
def test_signs_and_extremes(name: str, evaluate: Callable) -> None:
    values = columns(name)[:2]
    choices = [(*ftz, *nan, *xorsign) for ftz in ((), ("ftz",)) for nan in ((), ("NaN",))
               for xorsign in ((), ("xorsign", "abs")) if name == "f16" or not ftz]  # fmt: skip
    if name == "f16":
        choices.remove(())
    forms = [(operation, flags) for operation in ("min", "max") for flags in choices]
    results = evaluate([(".".join((op, *flags, name)), "h", "hh") for op, flags in forms], values)
    for (operation, flags), (got,) in zip(forms, results, strict=True):
        wanted = [extreme(operation, name, flags, int(a), int(b)) for a, b in zip(*values, strict=True)]
        np.testing.assert_array_equal(got, np.array(wanted, np.uint64), f"{operation} {flags}")
    if name == "bf16":
        (negative,), (absolute,) = evaluate([("neg.bf16", "h", "h"), ("abs.bf16", "h", "h")], values)
        np.testing.assert_array_equal(negative, values[0] ^ 0x8000)
        np.testing.assert_array_equal(absolute, values[0] & 0x7FFF)


def test_single_precision_extremes(evaluate: Callable) -> None:
    rng = np.random.default_rng(3)
    edges = np.array([0, 1 << 31, 1, 0x007FFFFF, 0x00800000, 0x3F800000, 0xBF800000, 0x7F800000, 0xFF800000,
                      0x7FC00000, 0xFFC00001, 0x80000001])  # fmt: skip
    pairs = [np.concatenate([c.ravel(), rng.integers(0, 1 << 32, 100)]) for c in np.meshgrid(edges, edges)]
    forms = ["min.NaN", "max.ftz.NaN", "min.xorsign.abs", "max.NaN.xorsign.abs", "max.ftz.xorsign.abs"]
    results = evaluate([(f"{form}.f32", "f", "ff") for form in forms], pairs)

    def model(form: str, a: int, b: int) -> int:
        if "ftz" in form:
            a, b = (v if v & 0x7F800000 else v & 0x80000000 for v in (a, b))
        sign = (a ^ b) & 0x80000000
        if "xorsign" in form:
            a, b = a & 0x7FFFFFFF, b & 0x7FFFFFFF
        nans = [v & 0x7FFFFFFF > 0x7F800000 for v in (a, b)]
        if all(nans) or ("NaN" in form and any(nans)):
            return 0x7FFFFFFF
        if any(nans):
            result = b if nans[0] else a
        else:
            order = [-(x & 0x7FFFFFFF) - 1 if x >> 31 else x for x in (a, b)]
            result = (a if order[0] < order[1] else b) if "min" in form else (a if order[0] > order[1] else b)
        return result | sign if "xorsign" in form else result

    for form, (got,) in zip(forms, results, strict=True):
        wanted = [model(form, int(a), int(b)) for a, b in zip(*pairs, strict=True)]
        np.testing.assert_array_equal(got, np.array(wanted, np.uint64), form)


def test_approximations_stay_inside_their_bounds(evaluate: Callable) -> None:
    """PTX ISA: 2^-9.9 and 2^-7 relative for ex2; 2^-10.987 and 2^-8 absolute for tanh; here over every input."""
    everything = np.arange(0x10000)
    cases = [("ex2.approx.f16", "h", "h"), ("tanh.approx.f16", "h", "h"), ("ex2.approx.ftz.bf16", "h", "h"),
             ("tanh.approx.bf16", "h", "h")]  # fmt: skip
    results = [got for (got,) in evaluate(cases, [everything])]

    @np.errstate(invalid="ignore")
    def number(name: str, bits: np.ndarray) -> np.ndarray:
        if name == "f16":
            return bits.astype(np.uint16).view(np.float16).astype(np.float64)
        return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)

    for (form, _, _), got in zip(cases, results, strict=True):
        name = form.rsplit(".", 1)[1]
        x = number(name, everything)
        assert (got[np.isnan(x)] == NAN).all()
        known = ~np.isnan(x)
        y, finite = number(name, got)[known], x[known]
        if form[0] == "t":
            assert np.abs(y - np.tanh(finite)).max() <= 2.0 ** (-10.987 if name == "f16" else -8)
            continue
        with np.errstate(over="ignore", under="ignore"):
            true = np.exp2(finite)
        largest, normal = (65504.0, 2.0**-14) if name == "f16" else (3.38e38, 2.0**-126)
        inside = (true <= largest) & (true >= normal)
        assert (np.abs(y[inside] - true[inside]) <= true[inside] * 2.0 ** (-9.9 if name == "f16" else -7)).all()
        assert (y[true > 1.01 * largest] == np.inf).all()
        below = y[true < 0.99 * normal]
        assert (below == 0).all() if name == "bf16" else (below <= normal).all()
