"""set and setp against the comparison tables of the PTX ISA."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

ORDERED = {"eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
           "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b}  # fmt: skip
COMBINE = {"and": lambda t, c: t & c, "or": lambda t, c: t | c, "xor": lambda t, c: t ^ c}
LETTERS = {"f16": "h", "bf16": "h", "f16x2": "r", "bf16x2": "r", "f32": "f", "f64": "x"}
ONE = {"f16": 0x3C00, "bf16": 0x3F80, "f32": 0x3F800000}


def letter(type_: str) -> str:
    return LETTERS.get(type_) or {"16": "h", "32": "r", "64": "d"}[type_[-2:]]


def number(type_: str, bits: np.ndarray) -> np.ndarray:
    """The numbers that compare as the operands do."""
    bits = bits.astype(np.uint64)
    if type_ == "bf16":
        return (bits.astype(np.uint16).astype(np.uint32) << 16).view(np.float32)
    if type_[0] == "f":
        return bits.astype(f"u{int(type_[1:]) // 8}").view(f"f{int(type_[1:]) // 8}")
    return bits.astype(f"u{int(type_[1:]) // 8}").view(f"{'i' if type_[0] == 's' else 'u'}{int(type_[1:]) // 8}")


def flushed(type_: str, values: np.ndarray) -> np.ndarray:
    smallest = {"f16": 2.0**-14, "f32": 2.0**-126}[type_]
    return np.where(np.abs(values) < smallest, np.copysign(0, values), values)


def truth(comparison: str, type_: str, a: np.ndarray, b: np.ndarray, ftz: bool = False) -> np.ndarray:
    x, y = number(type_, a), number(type_, b)
    if ftz:
        x, y = flushed(type_, x), flushed(type_, y)
    unsigned = {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}
    if comparison in unsigned:
        return ORDERED[unsigned[comparison]](x, y)
    if type_[0] not in "fb" or type_ in ("b16", "b32", "b64"):
        return ORDERED[comparison](x, y)
    unordered = np.isnan(x) | np.isnan(y)
    if comparison in ("num", "nan"):
        return unordered == (comparison == "nan")
    if len(comparison) == 3:
        return ORDERED[comparison[:2]](x, y) | unordered
    return ORDERED[comparison](x, y) & ~unordered


FLOATING = ("eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan")


@pytest.fixture(scope="module")
def columns() -> list[np.ndarray]:
    """Two columns that are often equal or close, with NaNs, infinities and subnormals of each format; predicates."""
    rng = np.random.default_rng(11)
    edges = np.array([0, 1, 0x8000, 0x8001, 0x7C00, 0x7FFF, 0x7F80, 0x3C00, 0xFC00, 0x0400, 0x80000000, 0x7F800000,
                      0x7FC00000, 0x00000001, 0x80000001, 0x3F800000, 0x7FF0000000000000, 0x7FF8000000000000,
                      0x8000000000000000, 0x3C003C00, 0x7C007FFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF], np.uint64)  # fmt: skip
    a, b = rng.choice(edges, 500), rng.choice(edges, 500)
    b = np.where(rng.random(500) < 0.3, a, b)
    return [a, b, rng.integers(0, 2, 500).astype(np.uint64)]


def test_set_gives_ones_or_every_bit(columns: list[np.ndarray], evaluate: Callable) -> None:
    a, b, c = columns
    forms = [f"set.{comparison}.{target}.{source}" for comparison, target, source in [
        ("lt", "u32", "s32"), ("hs", "s32", "u64"), ("ne", "u32", "b16"), ("eq", "f32", "s64"), ("ltu", "f32", "f32"),
        ("nan", "u32", "f64"), ("ge", "f16", "s32"), ("gtu", "f16", "f16"), ("equ", "bf16", "bf16"), ("num", "u16", "f16"),
        ("le", "s16", "bf16"), ("ne", "s32", "f16"), ("neu", "f16", "f32"), ("ls", "bf16", "u16")]]  # fmt: skip
    forms += ["set.lt.and.u32.s32", "set.eq.xor.f32.f32", "set.geu.or.ftz.f16.f16", "set.eq.ftz.u32.f32"]
    cases = []
    for form in forms:
        target, source = form.split(".")[-2:]
        logical = form.split(".")[2] in COMBINE
        cases.append((form, letter(target), letter(source) * 2 + "p" * logical))
    for form, (got,) in zip(forms, evaluate(cases, columns), strict=True):
        parts = form.split(".")
        target, source = parts[-2:]
        result = truth(parts[1], source, a, b, "ftz" in parts)
        if parts[2] in COMBINE:
            result = COMBINE[parts[2]](result, c != 0)
        true = ONE.get(target) or (1 << int(target[1:])) - 1
        np.testing.assert_array_equal(got, np.where(result, np.uint64(true), np.uint64(0)), form)


@pytest.mark.parametrize("name", ["f16", "bf16"])
def test_packed_comparisons(name: str, columns: list[np.ndarray], evaluate: Callable) -> None:
    a, b, c = columns
    halves = [[(column >> np.uint64(shift)) & np.uint64(0xFFFF) for column in (a, b)] for shift in (0, 16)]
    cases = [(f"set.{cmp}.{name}x2.{name}x2", "r", "rr") for cmp in FLOATING]
    cases += [(f"set.gt.u32.{name}x2", "r", "rr"), (f"setp.le.{name}x2 {{d0}}|{{d1}}, {{s0}}, {{s1}};", "pp", "rr"),
              (f"setp.neu.xor.{name}x2 {{d0}}|{{d1}}, {{s0}}, {{s1}}, {{s2}};", "pp", "rrp")]  # fmt: skip
    results = evaluate(cases, columns)
    one, every = np.uint64(ONE[name]), np.uint64(0xFFFF)
    for cmp, (got,) in zip(FLOATING, results, strict=False):
        low, high = (truth(cmp, name, *pair) for pair in halves)
        np.testing.assert_array_equal(got, low * one | high * one << np.uint64(16), cmp)
    low, high = (truth("gt", name, *pair) for pair in halves)
    np.testing.assert_array_equal(results[-3][0], low * every | high * every << np.uint64(16))
    for got, pair in zip(results[-2], halves, strict=True):
        np.testing.assert_array_equal(got, truth("le", name, *pair))
    for got, pair in zip(results[-1], halves, strict=True):
        np.testing.assert_array_equal(got, truth("neu", name, *pair) ^ (c != 0))


def test_setp_of_bf16_and_with_ftz(columns: list[np.ndarray], evaluate: Callable) -> None:
    a, b, c = columns
    cases = [(f"setp.{cmp}.bf16", "p", "hh") for cmp in FLOATING] + [
        (f"setp.{cmp}.ftz.f32", "p", "ff") for cmp in FLOATING
    ]
    cases += [(f"setp.{cmp}.ftz.f16", "p", "hh") for cmp in ("eq", "ltu")]
    cases += [("setp.lt.or.ftz.f32 {d0}|{d1}, {s0}, {s1}, !{s2};", "pp", "ffp")]
    results = evaluate(cases, columns)
    for (form, _, _), (got, *_) in zip(cases[:-1], results, strict=False):
        parts = form.split(".")
        np.testing.assert_array_equal(got, truth(parts[1], parts[-1], a, b, "ftz" in parts), form)
    less = truth("lt", "f32", a, b, ftz=True)
    np.testing.assert_array_equal(results[-1][0], less | (c == 0))
    np.testing.assert_array_equal(results[-1][1], ~less | (c == 0))
