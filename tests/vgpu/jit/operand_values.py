"""Operands worth trying: the edges of each type in every combination, values near each other, and seeded noise."""

from __future__ import annotations

import itertools
import random
import zlib
from collections.abc import Sequence
from functools import cache

import numpy as np

from tests.vgpu.jit.exact import BRAIN, DOUBLE, HALF, SINGLE, Format

FORMATS = {"f16": HALF, "bf16": BRAIN, "f32": SINGLE, "f64": DOUBLE}


def integer_edges(width: int) -> list[int]:
    """Bit patterns at which an instruction on integers could go wrong."""
    top, ones = 1 << width - 1, (1 << width) - 1
    alternating = int("5" * (width // 4), 16)
    edges = [0, 1, 2, 3, 7, 10, ones, ones - 1, ones - 2, top, top + 1, top - 1, top - 2, alternating, alternating << 1,
             1 << width // 2, (1 << width // 2) - 1, (1 << width // 2) + 1, ones << width // 2 & ones]  # fmt: skip
    return list(dict.fromkeys(edge & ones for edge in edges))


def shift_amounts() -> list[int]:
    """Around each width, around the eighth bit that field instructions stop at, and far beyond."""
    near = [w + d for w in (8, 16, 32, 64, 128, 256) for d in (-1, 0, 1)]
    return [0, 1, 2, 5, *near, 1 << 16, 1 << 31, (1 << 32) - 1]


EXACT_POOLS = {
    "shift": shift_amounts(),
    "lane": list(range(32)),
    "nth": [n & 0xFFFFFFFF for n in (0, 1, 2, 3, 7, 31, 32, 33, -1, -2, -3, -7, -31, -32, -33)],
}


def float_edges(form: Format) -> list[int]:
    """Patterns of one sign; `both_signs` adds the other."""
    return [0, 1, 2, form.smallest_normal - 1, form.smallest_normal, form.smallest_normal + 1, form.one - 1, form.one,
            form.one + 1, form.one + form.smallest_normal, form.one - form.smallest_normal,
            form.one + form.smallest_normal // 2, form.largest, form.largest - 1, form.infinity, form.quiet_nan,
            form.infinity | 1]  # fmt: skip


def both_signs(form: Format, edges: Sequence[int]) -> list[int]:
    return [*edges, *(edge | form.sign_bit for edge in edges)]


def random_float(form: Format, generator: random.Random) -> int:
    """Half of them anywhere, half near 1, so that sums and products meet."""
    if generator.random() < 0.5:
        return generator.getrandbits(form.width)
    exponent = form.bias + generator.randint(-form.fraction_bits - 3, form.fraction_bits + 3)
    exponent = min(max(exponent, 0), 2 * form.bias)
    fraction = generator.choice((generator.getrandbits(form.fraction_bits), _sparse(form, generator)))
    return generator.getrandbits(1) << form.width - 1 | exponent << form.fraction_bits | fraction


def _sparse(form: Format, generator: random.Random) -> int:
    """A significand whose products and sums often lie half-way between two numbers."""
    bits = form.fraction_bits
    pattern = 1 << generator.randrange(bits) | generator.getrandbits(1) << generator.randrange(bits)
    return pattern if generator.random() < 0.5 else (1 << bits) - 1 - pattern & (1 << bits) - 1


def _columns(rows: Sequence[Sequence[int]]) -> list[np.ndarray]:
    return [np.array(column, np.uint64) for column in zip(*rows, strict=True)]


def _generator(*seed: object) -> random.Random:
    return random.Random(zlib.crc32(repr(seed).encode()))


@cache
def values(kinds: tuple[str, ...]) -> list[np.ndarray]:
    """Columns of operand bits for sources of these kinds.

    A kind is an integer type (i16, i32, i64), a float type (f16, f16x2, bf16, bf16x2, f32, f64), a name in
    EXACT_POOLS, or `pred`.
    """
    generator = _generator(kinds)
    several = len([k for k in kinds if k != "pred"])
    pools = [_pool(kind, several, generator) for kind in kinds]
    product = list(itertools.product(*pools))
    if len(product) > 700:
        product = generator.sample(product, 700)
    rows = [tuple(row) for row in product]
    rows += [tuple(_noise(kind, generator) for kind in kinds) for _ in range(200)]
    number = kinds[0].removesuffix("x2")
    if kinds.count(kinds[0]) == 3 and number in FORMATS:
        rows += [_close_sum(FORMATS[number], generator) for _ in range(300)]
    if kinds in (("f32",), ("f64",), ("f32", "f32")):
        rows += [tuple(_midpoint(FORMATS[kind], generator) for kind in kinds) for _ in range(300)]
    if kinds[0].endswith("x2"):
        others = generator.sample(rows, len(rows))
        rows = [
            tuple(a | b << 16 for a, b in zip(row, other, strict=True)) for row, other in zip(rows, others, strict=True)
        ]
    return _columns(rows)


def _pool(kind: str, several: int, generator: random.Random) -> list[int]:
    if kind == "pred":
        return [0, 1]
    if kind in EXACT_POOLS:
        return EXACT_POOLS[kind]
    if kind[0] == "i":
        edges = integer_edges(int(kind[1:]))
        return edges if several < 3 else generator.sample(edges, 12)
    form = FORMATS[kind.removesuffix("x2")]
    edges = float_edges(form)
    if several > 2:
        edges = generator.sample(edges, 8)
    return both_signs(form, edges)


def _noise(kind: str, generator: random.Random) -> int:
    if kind == "pred":
        return generator.getrandbits(1)
    if kind in ("lane", "nth"):
        return generator.choice(EXACT_POOLS[kind])
    if kind == "shift":
        return generator.choice((generator.randrange(70), generator.randrange(200), generator.getrandbits(32)))
    if kind[0] == "i":
        width = int(kind[1:])
        if generator.random() < 0.2:  # near the middle between two numbers of 11, 24 or 53 bits
            bits = generator.choice((12, 25, 54))
            near = ((generator.getrandbits(bits) | 1) << generator.randrange(64)) + generator.randint(-1, 1)
            return near & (1 << width) - 1
        return generator.getrandbits(generator.choice((width, width, generator.randint(1, width))))
    return random_float(FORMATS[kind.removesuffix("x2")], generator)


def _midpoint(form: Format, generator: random.Random) -> int:
    """Half-way between two numbers of a narrower format, or just beside that."""
    narrow = generator.choice([f for f in (HALF, SINGLE) if f.width < form.width])
    bits = narrow.fraction_bits
    exponent = generator.randint(-narrow.bias - bits - 2, narrow.bias + 1) + form.bias
    exponent = min(max(exponent, 1), 2 * form.bias)
    lost = max(0, form.bias - narrow.bias + 1 - exponent)  # of a subnormal number
    fraction = generator.getrandbits(bits) << 1 | 1
    pattern = exponent << form.fraction_bits | fraction << form.fraction_bits - bits - 1 + min(lost, bits)
    pattern += generator.choice((-1, 0, 0, 1))
    return generator.getrandbits(1) << form.width - 1 | pattern & form.sign_bit - 1


def _close_sum(form: Format, generator: random.Random) -> tuple[int, int, int]:
    """Factors and an addend that nearly cancels the product, or lies where the product decides the rounding."""
    a, b = ((form.bias + generator.randint(-3, 3)) << form.fraction_bits | _sparse(form, generator) for _ in range(2))
    product = form.number(a).value * form.number(b).value
    if generator.random() < 0.5:
        c = form.rounded(-product, "rn") + generator.randint(-1, 1)
    else:
        power = generator.choice(
            (0, 1, form.fraction_bits, form.fraction_bits + 1, form.fraction_bits + 2, -form.fraction_bits)
        )
        c = form.rounded(product * 2**power if power >= 0 else product / 2**-power, "rn") ^ generator.getrandbits(1)
        c ^= generator.getrandbits(1) << form.width - 1
    signs = [generator.getrandbits(1) << form.width - 1 for _ in range(2)]
    return a ^ signs[0], b ^ signs[1], (c ^ signs[0] ^ signs[1]) & (1 << form.width) - 1
