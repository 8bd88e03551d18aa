"""FP64 in the directed modes, against rational numbers; .ftz forms; the approximations of FP64."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest


def doubles(seed: int, count: int = 250) -> np.ndarray:
    rng = np.random.default_rng(seed)
    edges = np.array([0, 1 << 63, 1, 1 << 52, 0x3FF << 52, 0xBFF << 52, (0x7FF << 52) - 1, 0x3FF0000000000001, 0x000FFFFFFFFFFFFF,
                      0x4008 << 48], np.uint64)  # fmt: skip
    near = (rng.integers(1000, 1050, count).astype(np.uint64) << np.uint64(52)) | rng.integers(
        0, 1 << 52, count
    ).astype(np.uint64)
    anything = rng.integers(0, 0x7FF0 << 48, count).astype(np.uint64)
    column = np.where(rng.random(count) < 0.6, near, anything) | (
        rng.integers(0, 2, count).astype(np.uint64) << np.uint64(63)
    )
    return np.where(rng.random(count) < 0.15, rng.choice(edges, count), column)


def rounded(exact: Fraction, mode: str, double: bool, zero_negative: bool) -> float:
    """The nearest number of the format that does not lie on the wrong side."""
    if exact == 0:
        return -0.0 if zero_negative else 0.0
    fraction, lowest, highest = (52, -1022, 1023) if double else (23, -126, 127)
    size = abs(exact)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent -= Fraction(2) ** exponent > size
    unit = Fraction(2) ** (max(exponent, lowest) - fraction)
    steps, rest = divmod(size, unit)
    outwards = mode == ("rm" if exact < 0 else "rp")
    value = (steps + (1 if rest and outwards else 0)) * unit
    largest = (2 - Fraction(2) ** -fraction) * Fraction(2) ** highest
    if value > largest:
        result = math.inf if outwards else float(largest)
    else:
        result = float(value)
    return -result if exact < 0 else result


def root(value: Fraction, mode: str, double: bool) -> float:
    """By integers: floor(sqrt(x * 4^k)) with far more bits than the format, and a sticky one."""
    scale = 1200
    scaled = (value * 4**scale).numerator // (value * 4**scale).denominator
    whole = math.isqrt(scaled)
    sticky = Fraction(0) if whole * whole == value * 4**scale else Fraction(1, 2)
    return rounded((whole + sticky) / Fraction(2) ** scale, mode, double, False)


def model(operation: str, mode: str, values: list[float], double: bool) -> float | None:
    """None where the result is NaN or infinite without rounding, which other tests hold."""
    exact = [Fraction(v) for v in values]
    negative = [math.copysign(1, v) < 0 for v in values]
    if operation in ("div", "rcp"):
        if operation == "rcp":
            exact, negative = [Fraction(1), *exact], [False, *negative]
        return None if exact[1] == 0 else rounded(exact[0] / exact[1], mode, double, negative[0] != negative[1])
    if operation == "sqrt":
        return None if exact[0] < 0 or values[0] == 0 else root(exact[0], mode, double)
    if operation == "mul":
        return rounded(exact[0] * exact[1], mode, double, negative[0] != negative[1])
    if operation == "fma":
        product, product_negative = exact[0] * exact[1], negative[0] != negative[1]
        signs = (product_negative, negative[2])
        total = product + exact[2]
        both_zero = product == 0 and exact[2] == 0
    else:
        other = -exact[1] if operation == "sub" else exact[1]
        signs = (negative[0], negative[1] != (operation == "sub"))
        total = exact[0] + other
        both_zero = exact[0] == 0 and exact[1] == 0
    zero_negative = signs[0] if both_zero and signs[0] == signs[1] else mode == "rm"
    return rounded(total, mode, double, zero_negative)


@pytest.mark.parametrize("double", [True, False], ids=["f64", "f32"])
def test_directed_rounding(double: bool, evaluate: Callable) -> None:
    columns = [doubles(seed) for seed in range(3)]
    if not double:
        with np.errstate(over="ignore"):
            columns = [c.view(np.float64).astype(np.float32).view(np.uint32).astype(np.uint64) for c in columns]
        columns = [np.where(c & np.uint64(0x7F800000) == 0x7F800000, np.uint64(0x3F800001), c) for c in columns]
    type_, letter, bits = ("f64", "x", np.uint64) if double else ("f32", "f", np.uint32)
    count = {"add": 2, "sub": 2, "mul": 2, "fma": 3, "div": 2, "sqrt": 1, "rcp": 1}
    names = list(count) if double else ["div", "sqrt", "rcp"]
    cases = [(name, mode) for name in names for mode in ("rz", "rm", "rp")]
    results = evaluate([(f"{name}.{mode}.{type_}", letter, letter * count[name]) for name, mode in cases], columns)
    numbers = [c.astype(bits).view(type_[0] + str(int(type_[1:]) // 8)).astype(np.float64) for c in columns]
    for (name, mode), (got,) in zip(cases, results, strict=True):
        for i, row in enumerate(zip(*numbers[: count[name]], strict=True)):
            wanted = model(name, mode, [float(x) for x in row], double)
            if wanted is not None:
                pattern = int((np.float64 if double else np.float32)(wanted).view(bits))
                assert int(got[i]) == pattern, (name, mode, [float(x).hex() for x in row])


def test_flushing_forms_of_exact_operations(evaluate: Callable) -> None:
    values = np.array([0, 1, 0x80000001, 0x007FFFFF, 0x00800000, 0x80800000, 0x3F800000, 0x40490FDB, 0xC0490FDB, 0x7F7FFFFF,
                       0x7E800000, 0x7F000001], np.uint64)  # fmt: skip
    pairs = [c.ravel() for c in np.meshgrid(values, values)]
    numbers = [c.astype(np.uint32).view(np.float32) for c in pairs]

    def flushed(x: np.ndarray) -> np.ndarray:
        return np.where(np.abs(x) < 2.0**-126, np.copysign(np.float32(0), x), x).astype(np.float32)

    forms = {"div.rn": lambda a, b: a / b, "rcp.rn": lambda a: np.float32(1) / a, "sqrt.rn": np.sqrt, "neg": np.negative,
             "abs": np.abs}  # fmt: skip
    results = evaluate([(f"{form}.ftz.f32", "f", "ff" if form == "div.rn" else "f") for form in forms], pairs)
    with np.errstate(all="ignore"):
        for (form, compute), (got,) in zip(forms.items(), results, strict=True):
            operands = [flushed(x) for x in numbers[: 2 if form == "div.rn" else 1]]
            wanted = flushed(compute(*operands).astype(np.float32))
            known = ~np.isnan(wanted)
            np.testing.assert_array_equal(got[known], wanted.view(np.uint32)[known], form)


def test_approximations_of_fp64(evaluate: Callable) -> None:
    column = doubles(8, 2000) & np.uint64(0x7FFFFFFFFFFFFFFF)
    x = column.view(np.float64)
    (rcp,), (rsqrt,), (exact,) = evaluate(
        [("rcp.approx.ftz.f64", "x", "x"), ("rsqrt.approx.ftz.f64", "x", "x"), ("rsqrt.approx.f64", "x", "x")], [column]
    )
    assert ((rcp | rsqrt) & np.uint64(0xFFFFFFFF) == 0).all()
    with np.errstate(all="ignore"):
        normal = (x >= 2.0**-1022) & (x < 2.0**1021)
        assert (np.abs(rcp.view(np.float64) * x - 1)[normal] < 2.0**-19).all()
        assert (np.abs(rsqrt.view(np.float64) ** 2 * x - 1)[normal] < 2.0**-18).all()
        assert (rcp.view(np.float64)[x < 2.0**-1022] == np.inf).all()
        true = 1 / np.sqrt(x[normal])
        assert (np.abs(exact.view(np.float64)[normal] - true) <= np.spacing(true)).all()
