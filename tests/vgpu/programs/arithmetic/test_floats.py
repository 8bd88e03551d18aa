"""Floating point beside the math library: parts of numbers, directed rounding, casts, and the short formats."""

import math
from fractions import Fraction

import numpy as np
import torch

from tests.vgpu.programs.arithmetic.test_integers import numbers, signed, unsigned
from tests.vgpu.programs.build import compiled


@compiled("math_parts", "sm_75", "sm_80", "sm_90")
def test_functions_with_several_results_agree_with_numpy(program):
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(-100, 100, 150), rng.uniform(-1, 1, 40), [0.0, -0.0, 0.5, -1.5, 2.5, 1e-40]])
    x = x.astype(np.float32)
    found, integers = np.zeros((len(x), 8), np.float32), np.zeros((len(x), 8), np.int32)
    program.launch("parts", 4, 64, found, integers, x, len(x))
    i = np.arange(len(x), dtype=np.int32)
    mantissa, exponent = np.frexp(x)
    fraction, whole = np.modf(x)
    near = [math.remainder(v, 0.75) for v in x.tolist()]
    square = [float(Fraction(v) ** 2 - 1) for v in x.tolist()]
    with np.errstate(over="ignore", under="ignore"):
        columns = [mantissa, fraction, whole, np.ones_like(x), np.ldexp(x, i % 40 - 20), np.ldexp(x, i % 300 - 150)]
    for column, expected in enumerate([*columns, near, square]):
        np.testing.assert_allclose(found[:, column], np.float32(expected), rtol=3e-7, err_msg=f"column {column}")
    np.testing.assert_array_equal(integers[:, 0], exponent)
    for value, row in zip(x.tolist(), integers.tolist(), strict=True):
        times = round((Fraction(value) - Fraction(math.remainder(value, 0.75))) / Fraction(3, 4))
        assert row[1] & 7 == (times if times >= 0 else -(-times & 7)) & 7
        assert row[2] == 4 * (math.copysign(1, value) < 0) + 8
        assert row[3] == round(value)
        assert row[4] == math.floor(abs(value) + 0.5) * math.copysign(1, value)
        if value:
            assert row[5] == math.frexp(value)[1] - 1
        assert row[6] == np.float32(abs(value)).view(np.int32)
        assert row[7] == (abs(value) < 1)


def rounded(exact, direction, dtype):
    """The number of `dtype` that a Fraction rounds to."""
    near = dtype(float(exact)) if dtype is np.float64 else _nearest_float(exact)
    below = near if Fraction(float(near)) <= exact else np.nextafter(near, dtype(-np.inf))
    above = near if Fraction(float(near)) >= exact else np.nextafter(near, dtype(np.inf))
    towards_zero = below if exact >= 0 else above
    return {"n": near, "d": below, "u": above, "z": towards_zero}[direction]


def _nearest_float(exact):
    guess = np.float32(float(exact))
    candidates = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    distance = [abs(Fraction(float(c)) - exact) for c in candidates]
    best = min(distance)
    nearest = [c for c, d in zip(candidates, distance, strict=True) if d == best]
    return min(nearest, key=lambda c: int(c.view(np.uint32)) & 1)


def _root(value, direction, dtype):
    """The square root in a direction: the neighbours whose squares embrace the value."""
    near = np.sqrt(dtype(value))
    square = Fraction(float(near)) ** 2
    if direction == "n" or square == Fraction(float(value)):
        return near
    if direction in "dz":
        return near if square < Fraction(float(value)) else np.nextafter(near, dtype(0))
    return near if square > Fraction(float(value)) else np.nextafter(near, dtype(np.inf))


@compiled("rounding", "sm_75", "sm_80", "debug")
def test_arithmetic_rounds_in_the_direction_asked_for(program):
    rng = np.random.default_rng(2)
    a, b = (rng.uniform(-50, 50, 150).astype(np.float32) for _ in range(2))
    out, wide = np.zeros((150, 16), np.float32), np.zeros((150, 8))
    program.launch("arithmetic", 3, 64, out, wide, a, b, 150)
    for x, y, row, wide_row in zip(a, b, out, wide, strict=True):
        p, q = Fraction(float(x)), Fraction(float(y))
        expected = [rounded(e, d, np.float32) for e in (p + q, p * q, p / q) for d in "nzud"]
        expected += [*(_root(abs(x), d, np.float32) for d in "nzu"), rounded(1 / p, "n", np.float32)]
        assert row.tolist() == expected, (x, y)
        u, tiny, third = float(x), Fraction(float(y) * 1e-9), Fraction(float(y) / 3)
        assert wide_row.tolist() == [
            rounded(p + tiny, "z", np.float64),
            rounded(p + tiny, "u", np.float64),
            rounded(p * third, "d", np.float64),
            rounded(p / q, "n", np.float64),
            rounded(p / q, "u", np.float64),
            rounded(p * third + p, "z", np.float64),
            _root(abs(u), "d", np.float64),
            rounded(1 / p, "n", np.float64),
        ], (x, y)


@compiled("rounding", "sm_80", "debug")
def test_conversions_round_in_the_direction_asked_for(program):
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.uniform(-1000, 1000, 100), [0.5, -0.5, 1.5, 2.5, -2.5, 0.0, 99.0]])
    out = np.zeros((len(values), 16), np.int64)
    program.launch("convert", 2, 64, out, values, len(values))
    for x, row in zip(values.tolist(), out.tolist(), strict=True):
        f, whole = float(np.float32(x)), int(x)

        def bits(exact, direction, dtype=np.float32, kind=np.int32):
            return int(rounded(Fraction(exact), direction, dtype).view(kind))

        two_words = int(np.float64(x).view(np.uint64))
        assert row == [
            round(f), int(f), math.ceil(f), math.floor(f),
            round(x), math.floor(x), signed(max(math.ceil(x), 0), 32) & 0xFFFFFFFF, int(f),
            signed(whole, 8), unsigned(whole, 16),
            bits(int(x * 1e9), "z"), bits(int(x * 1e4), "u"), bits(int(x * 1e14), "d", np.float64, np.int64),
            bits(x, "d"), bits(x, "u"), signed(two_words >> 32, 32) ^ signed(two_words, 32),
        ], x  # fmt: skip


@compiled("rounding", "sm_80", "debug")
def test_casts_go_between_all_arithmetic_types(program):
    values = numbers(64, 120, 4)
    out = np.zeros((120, 7, 11), np.uint64)
    program.launch("casts", 2, 64, out, np.array(values, np.uint64), 120)
    types = [(signed, 8), (unsigned, 8), (signed, 16), (unsigned, 16), (signed, 32), (unsigned, 32), (signed, 64)]
    for value, rows in zip(values, out.tolist(), strict=True):
        for (take, bits), row in zip(types, rows, strict=True):
            x = take(value, bits)
            wide = [other(x, width) for other, width in [*types, (unsigned, 64)]]
            single, double = _nearest_float(Fraction(x)).view(np.uint32), np.float64(x).view(np.uint64)
            assert row == [*(unsigned(w, 64) for w in wide), int(single), int(double), x != 0], (value, bits)


@compiled("fast_math", "sm_75", "sm_80", "debug")
def test_fast_intrinsics_stay_within_their_absolute_errors(program):
    x = np.linspace(-3, 3, 199).astype(np.float32)
    x[x == 0] = 0.125
    out = np.zeros((len(x), 10), np.float32)
    program.launch("fast", 4, 64, out, x, len(x))
    wide = x.astype(np.float64)
    positive = abs(wide)
    np.testing.assert_allclose(out[:, 0], np.sin(wide), atol=2**-21.4)
    np.testing.assert_allclose(out[:, 1], np.cos(wide), atol=2**-21.1)
    np.testing.assert_allclose(out[:, 2], np.exp(wide), rtol=(2 + 3 * 1.173) * 2**-23)
    np.testing.assert_allclose(out[:, 3], np.log(positive), rtol=3 * 2**-23, atol=2**-21.4)
    np.testing.assert_allclose(out[:, 4], np.log2(positive), rtol=2 * 2**-23, atol=2**-22)
    np.testing.assert_allclose(out[:, 5], 10**wide, rtol=(2 + 3 * 2.97) * 2**-23)
    np.testing.assert_allclose(out[:, 6], positive**1.5, rtol=1e-6)
    np.testing.assert_allclose(out[:, 7], 1 / wide, rtol=2 * 2**-23)
    np.testing.assert_array_equal(out[:, 8], np.clip(x, 0, 1))
    np.testing.assert_array_equal(out[:, 9], np.float32(1 / np.sqrt(positive)))


def halves(count, seed):
    rng = np.random.default_rng(seed)
    edges = np.array([0.0, 1.0, -1.0, 65504, 6e-8, -6.1e-5, 2.5, 1000], np.float16)
    return np.concatenate([edges, rng.normal(0, 20, count).astype(np.float16)])[:count]


@compiled("half_precision", "sm_75", "sm_80", "sm_90")
def test_half_arithmetic_rounds_once(program):
    x, y = halves(200, 5), np.roll(halves(200, 6), 3)
    y[y == 0] = 1
    out = np.zeros((200, 20), np.float16)
    program.launch("scalar", 4, 64, out, x, y, 200)
    wide_x, wide_y = x.astype(np.float64), y.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        fused = (wide_x * wide_y + wide_x).astype(np.float16)
        third = np.float32(x) / np.float32(3)
        cut = third.astype(np.float16)
        cut = np.where(abs(cut.astype(np.float64)) > abs(third), np.nextafter(cut, np.float16(0)), cut)
        columns = [
            x + y, x - y, x * y, x / y, fused, -x, abs(x), np.maximum(x, y), np.minimum(x, y), np.clip(x + y, 0, 1),
            np.where(x < y, x, y), np.maximum((wide_x * wide_y + wide_y).astype(np.float16), np.float16(0)),
            np.sqrt(abs(x)), np.floor(x), np.rint(x), cut, (np.trunc(wide_x) * 3).astype(np.float16), -x,
            np.ones_like(x), (wide_y / 7).astype(np.float16),
        ]  # fmt: skip
    for number, column in enumerate(columns):
        np.testing.assert_array_equal(out[:, number], column, err_msg=f"column {number}")


@compiled("half_precision", "sm_75", "sm_80", "sm_90")
def test_pairs_of_halves_are_treated_lane_by_lane(program):
    x, y = halves(200, 7).reshape(100, 2), halves(200, 8)[::-1].reshape(100, 2).copy()
    y[y == 0] = 1
    out = np.zeros((100, 12, 2), np.float16)
    program.launch("packed", 2, 64, out, x, y, 100)
    with np.errstate(over="ignore"):
        fused = (x.astype(np.float64) * y + y).astype(np.float16)
        columns = [x + y, x * y, fused, x - y, x / y, np.maximum(x, y), (x > y).astype(np.float16), x[:, ::-1]]
        columns += [np.stack([x[:, 0], y[:, 0]], 1), np.stack([x[:, 1], y[:, 1]], 1)]
        tenth = np.stack([x[:, 0], y[:, 1]], 1).astype(np.float32) * np.float32(0.1)
        columns += [tenth.astype(np.float16), np.where((x > y).all(1, keepdims=True), x[:, :1], -x)]
    for number, column in enumerate(columns):
        np.testing.assert_array_equal(out[:, number], column, err_msg=f"column {number}")


@compiled("half_precision", "sm_75", "sm_80", "sm_90")
def test_half_functions_are_within_a_unit_or_two(program):
    x = np.linspace(-4, 4, 200).astype(np.float16)
    out = np.zeros((200, 8), np.float16)
    program.launch("functions", 4, 64, out, x, 200)
    wide = x.astype(np.float64)
    positive = abs(wide)
    functions = [np.exp(wide), np.log(positive), np.sin(wide), np.cos(wide), np.tanh(wide), np.exp2(wide)]
    for number, exact in enumerate([*functions, 1 / np.sqrt(positive), 1 / wide]):
        unit = np.spacing(abs(exact).astype(np.float16)).astype(np.float64)
        assert (abs(out[:, number] - exact) <= 2 * unit).all(), f"column {number}"


def bfloat(values):
    """Rounded to bfloat16, as float32; NumPy has no such type, torch has."""
    return torch.from_numpy(np.array(values, np.float64)).to(torch.bfloat16).float().numpy()


@compiled("bfloat", "sm_80", "sm_90")
def test_bfloat_arithmetic_rounds_once(program):
    rng = np.random.default_rng(9)
    x, y = bfloat(rng.normal(0, 20, 200)), bfloat(rng.normal(0, 3, 200))
    out = np.zeros((200, 12), np.uint16)
    as_bits = [(v.view(np.uint32) >> 16).astype(np.uint16) for v in (x, y)]
    program.launch("arithmetic", 4, 64, out, *as_bits, 200)
    found = (out.astype(np.uint32) << 16).view(np.float32)
    p, q = x.astype(np.float64), y.astype(np.float64)
    start = bfloat([1.5, -0.3]).astype(np.float64)
    cut = ((np.float32(x) / np.float32(3)).view(np.uint32) & 0xFFFF0000).view(np.float32)
    columns = [p + q, p - q, p * q, p / q, p * q + p, np.maximum(p, q), -abs(p), cut, np.rint(p) * 3]
    columns += [p * q + start[0], q * q + start[1]]
    for number, column in enumerate(columns):
        np.testing.assert_array_equal(found[:, number], bfloat(column), err_msg=f"column {number}")
    with np.errstate(over="ignore"):
        exact = np.where(x < y, np.sqrt(abs(p)), np.exp(q))
    np.testing.assert_allclose(found[:, 11], exact, rtol=2**-7)


@compiled("float8", "sm_75", "sm_80", "sm_90", "debug")
def test_fp8_encodes_with_saturation(program):
    rng = np.random.default_rng(10)
    values = np.concatenate([rng.normal(0, 100, 150), rng.normal(0, 0.01, 40), [0, 448, 464, 57344, 1e9, -1e9]])
    values = values.astype(np.float16).clip(-65504, 65504).astype(np.float32)
    out = np.zeros((len(values), 4), np.uint8)
    program.launch("encode", 4, 64, out, values, len(values))
    for column, (type_, most, sign) in enumerate(
        [(torch.float8_e4m3fn, 448, 1), (torch.float8_e5m2, 57344, 1), (torch.float8_e4m3fn, 448, 1),
         (torch.float8_e5m2, 57344, -1)]):  # fmt: skip
        expected = torch.from_numpy((sign * values).clip(-most, most)).to(type_).view(torch.uint8).numpy()
        np.testing.assert_array_equal(out[:, column], expected, err_msg=f"column {column}")


@compiled("float8", "sm_75", "sm_80", "sm_90", "debug")
def test_fp8_decodes_exactly(program):
    out = np.zeros((256, 4), np.float32)
    program.launch("decode", 4, 64, out)
    bits = torch.arange(256, dtype=torch.uint8)
    narrow, wide = (bits.view(type_).float().numpy() for type_ in (torch.float8_e4m3fn, torch.float8_e5m2))
    for column, expected in enumerate((narrow, wide, narrow, narrow)):
        np.testing.assert_array_equal(out[:, column], expected)
