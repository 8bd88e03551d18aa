"""FP32 in pairs and with short operands: bit for bit what the FP32 instructions give, which have models of their own."""

from __future__ import annotations

import numpy as np
import pytest

from harness.vgpu.jit.rules import pairs


@pytest.fixture(scope="module")
def columns() -> list[np.ndarray]:
    """Three columns of two FP32 numbers each, as 64 bits: of all sizes, near each other, and special ones."""
    rng = np.random.default_rng(23)
    edges = np.array([0, 0x80000000, 1, 0x80000001, 0x007FFFFF, 0x00800000, 0x3F800000, 0xBF800000, 0x7F7FFFFF, 0x7F800000,
                      0xFF800000, 0x7FC00000, 0x3F800001, 0x34000000], np.uint64)  # fmt: skip

    def half() -> np.ndarray:
        near = (rng.integers(120, 135, 300).astype(np.uint64) << np.uint64(23)) | rng.integers(0, 1 << 23, 300).astype(
            np.uint64
        )
        signed = near | (rng.integers(0, 2, 300).astype(np.uint64) << np.uint64(31))
        anything = rng.integers(0, 1 << 32, 300).astype(np.uint64)
        chosen = np.where(rng.random(300) < 0.5, signed, anything)
        return np.where(rng.random(300) < 0.2, rng.choice(edges, 300), chosen)

    return [half() | half() << np.uint64(32) for _ in range(3)]


def equal(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The same FP32 bits, or both a NaN."""
    nan = [(bits & 0x7FFFFFFF) > 0x7F800000 for bits in (left, right)]
    return (left == right) | (nan[0] & nan[1])


def split(columns: list[np.ndarray]) -> list[list[np.ndarray]]:
    low = np.uint64(0xFFFFFFFF)
    return [[column & low for column in columns], [column >> np.uint64(32) for column in columns]]


PAIRED = [form for form in pairs.RULES if form.endswith("f32x2")]
MIXED = [form for form in pairs.RULES if not form.endswith("f32x2")]


@pytest.mark.parametrize("form", PAIRED)
def test_each_half_of_a_pair_is_computed_as_fp32(form, columns, evaluate):
    sources = 3 if form.startswith("fma") else 2
    ((whole,),) = evaluate([(form, "d", "d" * sources)], columns[:sources])
    for got, halves in zip(split([whole]), split(columns[:sources]), strict=True):
        ((wanted,),) = evaluate([(form.replace("f32x2", "f32"), "f", "f" * sources)], halves)
        assert equal(got[0], wanted).all()


@pytest.mark.parametrize("form", MIXED)
def test_short_operands_count_as_the_fp32_numbers_that_they_are(form, columns, evaluate):
    short = form.rsplit(".", 1)[1]
    count = 2 if form.startswith("fma") else 1
    shorts = [column & np.uint64(0xFFFF) for column in columns[:count]]
    last = columns[2] & np.uint64(0xFFFFFFFF)
    if short == "bf16":
        widened = [column << np.uint64(16) for column in shorts]
    else:
        widened = [column.astype(np.uint16).view(np.float16).astype(np.float32).view(np.uint32) for column in shorts]
    ((got,),) = evaluate([(form, "f", "h" * count + "f")], [*shorts, last])
    ((wanted,),) = evaluate([(form.rsplit(".", 1)[0], "f", "f" * (count + 1))], [*widened, last])
    assert equal(got, wanted).all()
