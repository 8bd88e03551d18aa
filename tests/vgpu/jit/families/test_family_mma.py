"""mma against the fragment layouts as PTX ISA writes them, element by element, and a chain of rounded sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

RNG = np.random.default_rng(21)


class Case(NamedTuple):
    shape: str
    d: str
    a: str
    b: str
    c: str
    layouts: str = "row.col"
    suffix: str = ""

    @property
    def form(self) -> str:
        if self.a == "b1":
            return f"mma.sync.aligned.{self.shape}.row.col.s32.b1.b1.s32{self.suffix}"
        return f"mma.sync.aligned.{self.shape}.{self.layouts}{self.suffix}.{self.d}.{self.a}.{self.b}.{self.c}"


CASES = [
    *(Case(shape, d, "f16", "f16", c) for shape in ("m16n8k8", "m16n8k16") for d, c in [("f32", "f32"), ("f16", "f16")]),
    Case("m16n8k8", "f32", "bf16", "bf16", "f32"), Case("m16n8k16", "f32", "bf16", "bf16", "f32"),
    Case("m16n8k4", "f32", "tf32", "tf32", "f32"), Case("m16n8k8", "f32", "tf32", "tf32", "f32"),
    *(Case(shape, *["f64"] * 4) for shape in ("m8n8k4", "m16n8k4", "m16n8k8", "m16n8k16")),
    Case("m8n8k16", "s32", "s8", "u8", "s32"), Case("m16n8k16", "s32", "u8", "u8", "s32", suffix=".satfinite"),
    Case("m16n8k32", "s32", "s8", "s8", "s32"), Case("m8n8k32", "s32", "u4", "s4", "s32"),
    Case("m16n8k32", "s32", "s4", "s4", "s32"), Case("m16n8k64", "s32", "s4", "u4", "s32", suffix=".satfinite"),
    Case("m16n8k32", "f32", "e4m3", "e5m2", "f32"), Case("m16n8k16", "f16", "e4m3", "e4m3", "f16"),
    Case("m8n8k128", "s32", "b1", "b1", "s32", suffix=".xor.popc"),
    Case("m16n8k128", "s32", "b1", "b1", "s32", suffix=".and.popc"),
    Case("m16n8k256", "s32", "b1", "b1", "s32", suffix=".and.popc"),
    *(Case("m8n8k4", d, "f16", "f16", c, f"{a}.{b}") for a in ("row", "col") for b in ("row", "col")
      for d, c in [("f32", "f32"), ("f16", "f16"), ("f32", "f16")]),
]  # fmt: skip
BITS = {"f16": 16, "bf16": 16, "tf32": 32, "f64": 64, "f32": 32, "s32": 32, "s8": 8, "u8": 8, "s4": 4, "u4": 4,
        "e4m3": 8, "e5m2": 8, "b1": 1}  # fmt: skip


def place_a(case: Case, lane: int, i: int) -> tuple[int, int, int]:
    """(product, row, column) of element a_i: PTX ISA, Matrix Fragments for mma.*"""
    group, member = lane >> 2, lane % 4
    m, k = int(case.shape[1:].split("n")[0]), int(case.shape.split("k")[1])
    if case.shape == "m8n8k4" and case.a == "f16":
        high = 4 * (lane >= 16)
        place = (lane % 4 + high, i) if case.layouts.startswith("row") else (i % 4 + high, lane % 4)
        return lane % 16 // 4, *place
    if case.a == "b1":
        return 0, group + 8 * (m == 16 and i // 32 % 2), member * 32 + i % 32 + 128 * (i // 64)
    if case.a in ("s4", "u4"):
        return 0, group + 8 * (m == 16 and i // 8 % 2), member * 8 + i % 8 + 32 * (i >= 16)
    if case.a in ("s8", "u8", "e4m3", "e5m2"):
        return 0, group + 8 * (m == 16 and i // 4 % 2), member * 4 + i % 4 + 16 * (i >= 8)
    if case.a in ("f16", "bf16"):
        if k == 8:
            return 0, group + 8 * (i >= 2), member * 2 + i % 2
        return 0, group + 8 * (i // 2 % 2), member * 2 + i % 2 + 8 * (i >= 4)
    if case.a == "f64" and m == 8:
        return 0, group, member
    if case.a == "f64" and k == 16:
        return 0, group + 8 * (i % 2), (i * 2 if i % 2 == 0 else i * 2 - 2) + member
    return 0, group + 8 * (i % 2), member + 4 * (i >= 2)


def place_b(case: Case, lane: int, i: int) -> tuple[int, int, int]:
    group, member = lane >> 2, lane % 4
    if case.shape == "m8n8k4" and case.a == "f16":
        high = 4 * (lane >= 16)
        place = (i, lane % 4 + high) if case.layouts.endswith("col") else (lane % 4, i + high)
        return lane % 16 // 4, *place
    per = {"b1": 32, "s4": 8, "u4": 8, "s8": 4, "u8": 4, "e4m3": 4, "e5m2": 4, "f16": 2, "bf16": 2}.get(case.b, 1)
    return 0, member * per + i % per + 4 * per * (i // per), group


def place_c(case: Case, type_: str, lane: int, i: int) -> tuple[int, int, int]:
    if case.shape == "m8n8k4" and case.a == "f16":
        high = 4 * (lane >= 16)
        if type_ == "f16":
            return lane % 16 // 4, lane % 4 + high, i
        return lane % 16 // 4, (lane & 1) + (i & 2) + high, (i & 4) + (lane & 2) + (i & 1)
    return 0, (lane >> 2) + 8 * (i >= 2), lane % 4 * 2 + i % 2


def codes(type_: str, shape: tuple[int, ...]) -> np.ndarray:
    """Random element bits whose sums FP64 holds exactly."""
    if type_ == "f64":
        return RNG.integers(-1000, 1000, shape).astype(np.float64).view(np.uint64)
    if type_ == "f32":
        return (RNG.standard_normal(shape) * 4).astype(np.float32).view(np.uint32)
    if type_ == "f16":
        return RNG.standard_normal(shape).astype(np.float16).view(np.uint16)
    if type_ == "bf16":
        return (RNG.standard_normal(shape).astype(np.float32).view(np.uint32) >> 16).astype(np.uint32)
    if type_ == "tf32":  # with low bits that must not count
        return RNG.standard_normal(shape).astype(np.float32).view(np.uint32)
    if type_ in ("e4m3", "e5m2"):
        return RNG.integers(0, 0x70, shape).astype(np.uint32) | RNG.integers(0, 2, shape).astype(np.uint32) << 7
    if type_ == "s32":
        return RNG.choice(np.array([0x7FFFFFFF, 0x80000000, 5, 0x7FFFFF00, 0xFFFFFFF0], np.uint32), shape)
    return RNG.integers(0, 1 << BITS[type_], shape).astype(np.uint32)


def numbers(type_: str, bits: np.ndarray) -> np.ndarray:
    if type_ == "f64":
        return bits.view(np.float64)
    if type_ in ("f32", "tf32"):
        kept = bits & np.uint32(0xFFFFE000) if type_ == "tf32" else bits
        return kept.astype(np.uint32).view(np.float32).astype(np.float64)
    if type_ == "f16":
        return bits.astype(np.uint16).view(np.float16).astype(np.float64)
    if type_ == "bf16":
        return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    if type_ in ("e4m3", "e5m2"):
        fraction, bias = (3, 7) if type_ == "e4m3" else (2, 15)
        exponent, mantissa = (bits & 0x7F) >> fraction, (bits & (1 << fraction) - 1) / 2.0**fraction
        size = np.where(
            exponent == 0, mantissa * 2.0 ** (1 - bias), (1 + mantissa) * 2.0 ** (exponent.astype(float) - bias)
        )
        return np.where(bits & 0x80, -size, size)
    if type_ == "s32":
        return bits.astype(np.uint32).view(np.int32).astype(np.int64)
    width = BITS[type_]
    values = bits.astype(np.int64)
    return values - ((values >> width - 1) << width) if type_[0] == "s" else values


def model(case: Case, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """D as bits, of matrices of bits; one product."""
    x, y, total = numbers(case.a, a), numbers(case.b, b), numbers(case.c, c)
    if case.d == "s32":
        if case.a == "b1":
            both = x[:, :, None] ^ y[None] if "xor" in case.suffix else x[:, :, None] & y[None]
            total = total + both.sum(1)
        else:
            total = total + x @ y
        clamped = np.clip(total, -(1 << 31), (1 << 31) - 1) if "satfinite" in case.suffix else total
        return clamped.astype(np.int64).astype(np.uint64) & np.uint64(0xFFFFFFFF)
    step = np.float64 if case.a == "f64" else np.float32
    for k in range(x.shape[1]):
        total = (total.astype(np.float64) + x[:, k : k + 1] * y[k : k + 1]).astype(step)
    if case.d == "f16":
        return total.astype(np.float16).view(np.uint16).astype(np.uint64)
    return total.view(np.uint64 if case.a == "f64" else np.uint32).astype(np.uint64)


def pack(
    case: Case, type_: str, place: Callable[[int, int], tuple[int, int, int]], matrix: np.ndarray, count: int
) -> np.ndarray:
    """Registers [register, lane] of a fragment."""
    width = 64 if type_ == "f64" else 32
    per = width // BITS[type_]
    registers = np.zeros((count, 32), np.uint64)
    for lane in range(32):
        for i in range(count * per):
            bits = int(matrix[place(lane, i)])
            registers[i // per, lane] |= np.uint64(bits << i % per * BITS[type_])
    return registers


def kernel(form: str, counts: tuple[int, int, int, int], letter: str) -> str:
    """Loads A, B and C register by register from `in`, stores D to `out`: 8 bytes a lane."""
    d, a, b, c = counts
    names = [f"%i{i}" for i in range(a + b + c)]
    type_ = ".b32" if letter == "r" else ".f64"
    lines = [f".reg .b64 %in, %out, %at, %w; .reg .b32 %t; .reg {type_} %i<{a + b + c}>, %o<{d}>;"]
    lines += ["ld.param.u64 %in, [in]; ld.param.u64 %out, [out]; mov.u32 %t, %tid.x; mul.wide.u32 %at, %t, 8;",
              "add.u64 %in, %in, %at; add.u64 %out, %out, %at;"]  # fmt: skip
    for i, name in enumerate(names):
        lines.append(f"ld.global.b64 %w, [%in+{256 * i}];")
        lines.append(f"cvt.u32.u64 {name}, %w;" if letter == "r" else f"mov.b64 {name}, %w;")

    def group(registers: list[str]) -> str:
        return "{" + ", ".join(registers) + "}"

    lines.append(
        f"{form} {group([f'%o{i}' for i in range(d)])}, {group(names[:a])}, {group(names[a : a + b])}, {group(names[a + b :])};"
    )
    for i in range(d):
        lines.append(f"cvt.u64.u32 %w, %o{i};" if letter == "r" else f"mov.b64 %w, %o{i};")
        lines.append(f"st.global.b64 [%out+{256 * i}], %w;")
    return ".visible .entry k(.param .u64 in, .param .u64 out) {\n" + "\n".join([*lines, "ret;"]) + "\n}\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.form.replace("mma.sync.aligned.", ""))
def test_mma(case: Case, run: Callable, zeros: Callable) -> None:
    m, rest = case.shape[1:].split("n")
    m, n, k = int(m), *(int(x) for x in rest.split("k"))
    products = 4 if case.shape == "m8n8k4" and case.a == "f16" else 1
    a, b, c = codes(case.a, (products, m, k)), codes(case.b, (products, k, n)), codes(case.c, (products, m, n))
    width = 64 if case.a == "f64" else 32
    counts = [products * rows * columns * BITS[t] // width // 32
              for t, rows, columns in [(case.d, m, n), (case.a, m, k), (case.b, k, n), (case.c, m, n)]]  # fmt: skip
    inputs = np.concatenate([
        pack(case, case.a, lambda lane, i: place_a(case, lane, i), a, counts[1]),
        pack(case, case.b, lambda lane, i: place_b(case, lane, i), b, counts[2]),
        pack(case, case.c, lambda lane, i: place_c(case, case.c, lane, i), c, counts[3]),
    ])  # fmt: skip
    source, output = zeros(inputs.size), zeros(32 * counts[0])
    source[:] = inputs.ravel()
    run(kernel(case.form, tuple(counts), "x" if case.a == "f64" else "r"), source, output)
    wanted = np.stack([model(case, a[i], b[i], c[i]) for i in range(products)])
    packed = pack(case, case.d, lambda lane, i: place_c(case, case.d, lane, i), wanted, counts[0])
    np.testing.assert_array_equal(output.reshape(-1, 32), packed)


def test_nan_and_infinity(run: Callable, zeros: Callable) -> None:
    """inf * 0 and inf - inf give the NaN 0x7FFFFFFF; an infinity stays."""
    source, output = zeros(32 * 10), zeros(32 * 4)
    inputs = source.reshape(10, 32)
    inputs[0, 0:4] = 0x7C00  # row 0 of A: inf at k = 0, 2, 4, 6
    inputs[0, 4:8] = 0x3C007C00  # row 1: inf at even k, 1 at odd k
    inputs[4, 4:] = 0x3C003C00  # columns 1 to 7 of B are 1 in rows 0 to 7, column 0 is 0
    inputs[6, 4:8] = 0xFF800000  # C: -inf in row 1
    run(kernel("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", (4, 4, 2, 4), "r"), source, output)
    first = output.reshape(4, 32)[0]
    assert [int(x) for x in first[0:4]] == [0x7FFFFFFF] + [0x7F800000] * 3
    assert [int(x) for x in first[4:8]] == [0x7FFFFFFF] * 4
    assert (first[8:] == 0).all()
