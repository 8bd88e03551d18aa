"""cvt.pack, vectors of registers, and lop3 with a predicate, against Python integers."""

from __future__ import annotations

import numpy as np
import pytest

from harness.vgpu.jit.rules import packing


def words(seed: int, count: int = 200) -> np.ndarray:
    rng = np.random.default_rng(seed)
    small = rng.integers(-300, 300, count)
    edges = rng.choice(
        [0, 1, -1, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, 65535, 2**31 - 1, -(2**31)], count
    )
    anything = rng.integers(-(2**31), 2**31, count)
    chosen = np.where(rng.random(count) < 0.4, small, np.where(rng.random(count) < 0.5, edges, anything))
    return chosen.astype(np.int64).astype(np.uint64) & np.uint64(0xFFFFFFFF)


def signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


def clamped(word: int, type_: str) -> int:
    bits = int(type_[1:])
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if type_[0] == "s" else (0, (1 << bits) - 1)
    return min(max(signed(word), low), high) & (1 << bits) - 1


@pytest.mark.parametrize("form", [form for form in packing.RULES if form.startswith("cvt")])
def test_two_numbers_are_clamped_and_packed(form, evaluate):
    type_ = form.split(".")[3]
    bits, columns = int(type_[1:]), [words(seed) for seed in range(2 if "16" in type_ else 3)]
    ((got,),) = evaluate([(form, "r", "r" * len(columns))], columns)
    for row, (a, b, *rest) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        above = rest[0] << 2 * bits if rest else 0
        assert got[row] == (above | clamped(a, type_) << bits | clamped(b, type_)) & 0xFFFFFFFF


@pytest.mark.parametrize("form", [form for form in packing.RULES if form.startswith("mov")])
def test_vectors_of_registers_are_copied_before_one_is_written(form, evaluate):
    _, vector, type_ = form.split(".")
    count, letter = int(vector[1]), {"f32": "f", "f64": "x"}.get(type_) or {"16": "h", "32": "r", "64": "d"}[type_[1:]]
    mask = np.uint64((1 << int(type_[1:])) - 1)
    columns = [words(seed) * np.uint64(0x100000001) for seed in range(count)]
    places = ["{" + f"d{i}" + "}" for i in range(count)], ["{" + f"s{i}" + "}" for i in range(count)]
    plain = f"mov.{type_} "
    turn = "".join(f"{plain}{d}, {s}; " for d, s in zip(*places, strict=True))
    turned = [places[0][(i + 1) % count] for i in range(count)]
    text = f"{turn}{form} {{{', '.join(places[0])}}}, {{{', '.join(turned)}}};"
    (got,) = evaluate([(text, letter * count, letter * count)], columns)
    for i in range(count):
        assert np.array_equal(got[i], columns[(i + 1) % count] & mask)


@pytest.mark.parametrize("operation", ["or", "and"])
@pytest.mark.parametrize("table", [0x00, 0x80, 0x96, 0x3C, 0xFE])
def test_lop3_also_tells_whether_a_bit_is_set(operation, table, evaluate):
    columns = [words(seed) & np.uint64(0xF) for seed in range(3)] + [words(9) & np.uint64(1)]
    text = f"lop3.{operation}.b32 {{d0}}|{{d1}}, {{s0}}, {{s1}}, {{s2}}, {table}, {{s3}};"
    (got,) = evaluate([(text, "rp", "rrrp")], columns)
    for row, (a, b, c, q) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        bits = [table >> ((a >> i & 1) << 2 | (b >> i & 1) << 1 | c >> i & 1) & 1 for i in range(32)]
        word = sum(bit << i for i, bit in enumerate(bits))
        holds = bool(word) or bool(q) if operation == "or" else bool(word) and bool(q)
        assert (got[0][row], got[1][row]) == (word, holds)
