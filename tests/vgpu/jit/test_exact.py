"""The exact arithmetic that instructions are held against, itself held against the host's."""

import operator

import numpy as np
import pytest

from tests.vgpu.jit import exact
from tests.vgpu.jit.exact import DOUBLE, HALF, NAN, SINGLE
from tests.vgpu.jit.operand_values import values

TYPES = {"f16": (HALF, np.float16), "f32": (SINGLE, np.float32), "f64": (DOUBLE, np.float64)}
BINARY = [(exact.add, operator.add), (exact.subtract, operator.sub), (exact.multiply, operator.mul),
          (exact.divide, operator.truediv)]  # fmt: skip


def floats(bits: np.ndarray, type_: type) -> np.ndarray:
    return bits.astype(f"u{np.dtype(type_).itemsize}").view(type_)


def same(form: exact.Format, ours: list, theirs: np.ndarray) -> bool:
    patterns = theirs.view(f"u{theirs.itemsize}").tolist()
    return all(form.is_nan(b) if a == NAN else a == b for a, b in zip(ours, patterns, strict=True))


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize(("ours", "theirs"), BINARY)
@np.errstate(all="ignore")
def test_nearest_rounding_agrees_with_the_host(name, ours, theirs):
    form, type_ = TYPES[name]
    a, b = values((name, name))
    mine = [ours(form, x, y) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    assert same(form, mine, theirs(floats(a, type_), floats(b, type_)))


@pytest.mark.parametrize("name", TYPES)
@np.errstate(all="ignore")
def test_square_roots_agree_with_the_host(name):
    form, type_ = TYPES[name]
    (a,) = values((name,))
    assert same(form, [exact.square_root(form, x) for x in a.tolist()], np.sqrt(floats(a, type_)))


@pytest.mark.parametrize(("source", "target"), [("f64", "f32"), ("f64", "f16"), ("f32", "f16"), ("f16", "f64")])
@np.errstate(all="ignore")
def test_conversions_agree_with_the_host(source, target):
    (a,) = values((source,))
    theirs = floats(a, TYPES[source][1]).astype(TYPES[target][1])
    ours = [exact.convert(TYPES[source][0], TYPES[target][0], x) for x in a.tolist()]
    assert same(TYPES[target][0], ours, theirs)


def test_directed_roundings_enclose_the_exact_sum():
    a, b = values(("f32", "f32"))
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        down, up, zero = (exact.add(SINGLE, x, y, mode) for mode in ("rm", "rp", "rz"))
        if down == NAN or "infinite" in (SINGLE.number(x).kind, SINGLE.number(y).kind):
            continue
        sum_ = SINGLE.number(x).value + SINGLE.number(y).value
        below, above = SINGLE.number(down), SINGLE.number(up)
        assert below.kind == "infinite" or below.value <= sum_
        assert above.kind == "infinite" or above.value >= sum_
        assert zero == (up if sum_ < 0 else down) or sum_ == 0


def test_a_fused_multiply_add_rounds_once():
    one_and_a_bit = SINGLE.one + 1  # 1 + 2^-23; its square is 1 + 2^-22 + 2^-46
    minus = exact.multiply(SINGLE, one_and_a_bit, one_and_a_bit) ^ SINGLE.sign_bit
    assert SINGLE.number(exact.fma(SINGLE, one_and_a_bit, one_and_a_bit, minus)).value == 2**-46
