"""Approximate functions: inside the error that the PTX ISA documents, and its results for special operands exactly."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import mpmath
import numpy as np
import pytest

from harness.vgpu.jit.rules import RULES
from tests.vgpu.jit.exact import BRAIN, DOUBLE, HALF, SINGLE, Format
from tests.vgpu.jit.models import is_approximate
from tests.vgpu.jit.ptx_bench import Case, evaluate
from tests.vgpu.jit.targets import TARGETS, target

FORMS = sorted(form for form in RULES if is_approximate(form))
FORMATS = {"f16": HALF, "bf16": BRAIN, "f32": SINGLE, "f64": DOUBLE}
INF, NAN = math.inf, math.nan
mpmath.mp.prec = 120


@dataclass(frozen=True)
class Function:
    """The true function, its results for -Inf, -0, +0, +Inf (PTX ISA), and the operands that a bound is for."""

    true: Callable[[mpmath.mpf], mpmath.mpf]
    special: tuple[float, float, float, float]
    low: float
    high: float
    positive: bool = False  # negative operands give NaN


FUNCTIONS = {
    "ex2": Function(lambda x: mpmath.mpf(2) ** x, (0.0, 1.0, 1.0, INF), -160, 140),
    "lg2": Function(lambda x: mpmath.log(x, 2), (NAN, -INF, -INF, INF), 0, INF, positive=True),
    "sin": Function(mpmath.sin, (NAN, -0.0, 0.0, NAN), -100 * math.pi, 100 * math.pi),
    "cos": Function(mpmath.cos, (NAN, 1.0, 1.0, NAN), -100 * math.pi, 100 * math.pi),
    "tanh": Function(mpmath.tanh, (-1.0, -0.0, 0.0, 1.0), -INF, INF),
    "rsqrt": Function(lambda x: 1 / mpmath.sqrt(x), (NAN, -INF, INF, 0.0), 0, INF, positive=True),
    "rcp": Function(lambda x: 1 / x, (-0.0, -INF, INF, 0.0), -INF, INF),
}  # fmt: skip


def allowed(opcode: str, type_: str, x: mpmath.mpf, true: mpmath.mpf) -> mpmath.mpf:
    """The largest error, from the PTX ISA's notes on each instruction; where it gives none, that of the type."""
    size = abs(true)
    if type_ == "f64":  # "gross": 20 bits of significand go in and come out
        return size * mpmath.mpf(2) ** -19 if opcode == "rcp" else size * mpmath.mpf(2) ** -18
    if type_ == "bf16":
        return size * mpmath.mpf(2) ** -7
    if type_ == "f16":
        return size * mpmath.mpf(2) ** -9.9 + mpmath.mpf(2) ** -25 if opcode == "ex2" else mpmath.mpf(2) ** -10.987
    return {
        "ex2": lambda: 2 * ulp(true), "tanh": lambda: size * mpmath.mpf(2) ** -11,
        "lg2": lambda: (1 if 0.5 < x < 2 else size) * mpmath.mpf(2) ** -22,
        "sin": lambda: mpmath.mpf(2) ** (-20.5 if abs(x) <= 2 * math.pi else -14.7),
        "cos": lambda: mpmath.mpf(2) ** (-20.5 if abs(x) <= 2 * math.pi else -14.7),
        "rsqrt": lambda: size * mpmath.mpf(2) ** -22.9,
    }[opcode]()  # fmt: skip


def ulp(value: mpmath.mpf) -> mpmath.mpf:
    """Of FP32 at this value."""
    exponent = mpmath.floor(mpmath.log(abs(value), 2)) if value else -126
    return mpmath.mpf(2) ** (max(exponent, -126) - 23)


def finite(form: Format, bits: int) -> mpmath.mpf:
    number = form.number(bits)
    return mpmath.mpf(number.value.numerator) / number.value.denominator


def is_subnormal_f32(x: mpmath.mpf) -> bool:
    return 0 < abs(x) < mpmath.mpf(2) ** -126


@cache
def operands(name: str, function: str) -> list[int]:
    """Bits of finite operands in the function's range: everywhere, near 0 and 1, and at the ends."""
    form, chosen = FORMATS[name], FUNCTIONS[function]
    generator = random.Random(f"{name} {function}")
    found = [1, 2, form.smallest_normal - 1, form.smallest_normal, form.one, form.one - 1, form.one + 1, form.largest]
    while len(found) < 400:
        found.append(generator.getrandbits(form.width - 1))
        near_one = form.bias + generator.randint(-12, 9) << form.fraction_bits
        found.append(near_one | generator.getrandbits(form.fraction_bits))
    found += [bits | form.sign_bit for bits in found]
    numbers = [(bits, form.number(bits)) for bits in found]
    inside = [bits for bits, n in numbers if n.kind == "finite" and n.size and chosen.low <= n.value <= chosen.high]
    return [bits for bits in inside if not chosen.positive or not bits & form.sign_bit]


def run(form: str, bits: list[int], on=None, path: str = "lanes") -> list[int]:
    """The results for these operands; of packed halves both are taken, and they must agree."""
    type_ = form.split(".")[-1]
    name, packed = type_.removesuffix("x2"), type_.endswith("x2")
    register = "b32" if packed else "b16" if FORMATS[name].width == 16 else type_
    column = np.array(bits, np.uint64)
    column = column | column << np.uint64(16) if packed else column
    ((got,),) = evaluate([Case(form, (register,), (register,))], [column], path, on)
    if packed:
        assert (got >> np.uint64(16) == got & np.uint64(0xFFFF)).all()
    return [int(pattern) & (1 << FORMATS[name].width) - 1 for pattern in got]


def worst(form: str, got: list[int]) -> tuple[float, int]:
    """The largest error as a share of what is allowed, with its operand."""
    opcode, *modifiers = form.split(".")
    name = modifiers[-1].removesuffix("x2")
    number = FORMATS[name]
    share, at = 0.0, 0
    for bits, result in zip(operands(name, opcode), got, strict=True):
        operand = number.flushed(bits) if "ftz" in modifiers else bits
        if number.number(operand).is_zero:
            continue
        x = finite(number, operand)
        true = FUNCTIONS[opcode].true(x)
        if number.number(result).kind == "infinite":
            error = 0 if abs(true) >= finite(number, number.largest) else INF
        elif "ftz" in modifiers and abs(true) <= finite(number, number.smallest_normal):
            error = abs(finite(number, result)) and INF  # flushed, or the smallest normal number itself
            error = 0 if result & number.sign_bit - 1 in (0, number.smallest_normal) else error
        else:
            error = abs(finite(number, result) - true) / allowed(opcode, name, x, true)
        if error > share:
            share, at = float(error), bits
    return share, at


@pytest.mark.parametrize("form", FORMS)
def test_the_error_stays_within_what_ptx_allows(form):
    opcode, *modifiers = form.split(".")
    share, at = worst(form, run(form, operands(modifiers[-1].removesuffix("x2"), opcode)))
    assert share <= 1, f"{share:.3} of the allowed error for the operand {at:#x}"


def encoded(form: Format, value: float) -> int:
    if math.isinf(value):
        return form.signed_infinity(value < 0)
    return form.signed_zero(math.copysign(1, value) < 0) if value == 0 else form.one | form.signed_zero(value < 0)


@pytest.mark.parametrize("path", ["lanes", "uniform"])
@pytest.mark.parametrize("form", FORMS)
def test_special_operands_give_the_documented_results(form, path):
    opcode, *modifiers = form.split(".")
    number = FORMATS[modifiers[-1].removesuffix("x2")]
    zeros_and_infinities = [encoded(number, value) for value in (-INF, -0.0, 0.0, INF)]
    signalling = number.infinity | number.smallest_normal >> 2  # rcp and rsqrt of f64 see the upper word only
    negative = [number.one | number.sign_bit, number.largest | number.sign_bit]
    got = run(form, [*zeros_and_infinities, number.quiet_nan, signalling, *negative], path=path)
    for wanted, result in zip(FUNCTIONS[opcode].special, got, strict=False):
        assert number.is_nan(result) if math.isnan(wanted) else result == encoded(number, wanted)
    assert number.is_nan(got[4])
    assert number.is_nan(got[5])
    if FUNCTIONS[opcode].positive:
        assert number.is_nan(got[6])
        assert number.is_nan(got[7])


@pytest.mark.parametrize("form", [form for form in FORMS if ".ftz" in form and form.endswith("f32")])
def test_flushing_takes_subnormal_operands_for_zeros(form):
    opcode = form.split(".")[0]
    tiny = [1, SINGLE.smallest_normal - 1]
    wanted = run(form, [0, 0, SINGLE.sign_bit, SINGLE.sign_bit])
    assert run(form, [*tiny, *(bits | SINGLE.sign_bit for bits in tiny)]) == wanted
    assert opcode != "ex2" or set(wanted) == {SINGLE.one}


@pytest.mark.parametrize("form", [form for form in FORMS if form.startswith(("sin", "cos"))])
def test_a_sine_of_any_number_lies_between_one_and_minus_one(form):
    generator = random.Random(form)
    large = [generator.randrange(100 << 23, SINGLE.infinity) | generator.getrandbits(1) << 31 for _ in range(200)]
    assert all(result & SINGLE.sign_bit - 1 <= SINGLE.one for result in run(form, [*large, SINGLE.largest]))


@pytest.mark.parametrize("name", TARGETS)
def test_the_bits_are_the_same_on_every_cpu(name):
    for form in FORMS:
        bits = operands(form.split(".")[-1].removesuffix("x2"), form.split(".")[0])[::9]
        assert run(form, bits) == run(form, bits, target(name)), form


@pytest.mark.parametrize("form", [form for form in FORMS if form.endswith("approx.f32")])
def test_a_shared_operand_gives_the_same_bits_as_one_of_each_lane(form):
    bits = operands("f32", form.split(".")[0])[::5]
    assert run(form, bits) == run(form, bits, path="uniform")
