"""cvt between all types: every rounding, saturation and flush that PTX has, against fractions."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from itertools import product

import pytest

from tests.vgpu.jit import exact
from tests.vgpu.jit.exact import NAN, Result
from tests.vgpu.jit.models import Model, signed
from tests.vgpu.jit.operand_values import FORMATS
from tests.vgpu.jit.ptx_bench import Case
from tests.vgpu.jit.trial import faults

INTEGERS = [f"{sign}{width}" for sign in "su" for width in (8, 16, 32, 64)]
FLOATS = ("f16", "f32", "f64")
INTEGRAL = ("rni", "rzi", "rmi", "rpi")
ROUNDINGS = ("rn", "rz", "rm", "rp")
TYPES = (*INTEGERS, *FLOATS)


def register(type_: str) -> str:
    return {"8": "b16", "16": "b16", "32": "b32", "64": "b64"}[type_[1:]] if type_ not in ("f32", "f64") else type_


def bits_of(type_: str) -> int:
    return int(type_[1:])


def limits(type_: str) -> tuple[int, int]:
    width = bits_of(type_)
    return (-(1 << width - 1), (1 << width - 1) - 1) if type_[0] == "s" else (0, (1 << width) - 1)


def read(type_: str, bits: int) -> int:
    bits &= (1 << bits_of(type_)) - 1
    return signed(bits, bits_of(type_)) if type_[0] == "s" else bits


def extended(type_: str, value: int, width: int) -> int:
    """An integer in a register that may be wider: extended by its own sign."""
    return read(type_, value) & (1 << width) - 1


def clamped(type_: str, value: int) -> int:
    low, high = limits(type_)
    return min(max(value, low), high)


def saturates(target: str, source: str) -> bool:
    """PTX allows .sat where the target does not hold all that the source does."""
    low, high = limits(source)
    return limits(target)[0] > low or limits(target)[1] < high


def to_integer(target: str, source: str, mode: str, flush: bool, bits: int) -> int:
    form = FORMATS[source]
    number = form.number(form.flushed(bits) if flush else bits)
    low, high = limits(target)
    if number.kind == "nan":  # zero, unless a type is 64 bits wide
        return 1 << bits_of(target) - 1 if source == "f64" or bits_of(target) == 64 else 0
    if number.kind == "infinite":
        return low if number.negative else high
    return clamped(target, exact.integral(number.value, mode))


def float_to_float(target: str, source: str, mode: str, flags: tuple[str, ...], bits: int) -> Result:
    start, form = FORMATS[source], FORMATS[target]
    if "ftz" in flags and source == "f32":
        bits = start.flushed(bits)
    if mode in INTEGRAL:
        number = start.number(bits)
        whole = Fraction(exact.integral(number.value, mode))
        result = form.rounded(whole, "rn", number.negative) if number.kind == "finite" else bits
        result = NAN if number.kind == "nan" else result
    else:
        result = exact.convert(start, form, bits, mode or "rn")
    if "ftz" in flags and target == "f32":
        result = exact.flushed(form, result)
    return exact.saturated(form, result) if "sat" in flags else result


def kind_of(type_: str) -> str:
    return type_ if type_ in FLOATS else {"8": "i16", "16": "i16", "32": "i32", "64": "i64"}[type_[1:]]


def model(form: str, target: str, source: str, compute) -> Model:
    case = Case(form, (register(target),), (register(source),))
    return Model(case, (kind_of(source),), compute, FORMATS.get(target))


def integer_to_integer(target: str, source: str) -> list[Model]:
    width = max(16, bits_of(target))
    found = [model(f"cvt.{target}.{source}", target, source, lambda a: extended(target, read(source, a), width))]
    if saturates(target, source):
        found.append(model(f"cvt.sat.{target}.{source}", target, source,
                           lambda a: extended(target, clamped(target, read(source, a)), width)))  # fmt: skip
    return found


def integer_to_float(target: str, source: str) -> list[Model]:
    def convert(mode: str, flags: str) -> Model:
        def compute(a: int) -> Result:
            result = FORMATS[target].rounded(Fraction(read(source, a)), mode)
            return exact.saturated(FORMATS[target], result) if flags else result

        return model(f"cvt.{mode}{flags}.{target}.{source}", target, source, compute)

    directed = [convert(mode, "") for mode in ROUNDINGS]
    return [*directed, convert("rn", ".sat")]


def float_to_integer(target: str, source: str) -> list[Model]:
    def convert(mode: str, flush: bool) -> Model:
        form = f"cvt.{mode}{'.ftz' if flush else ''}.{target}.{source}"
        width = max(16, bits_of(target))
        return model(form, target, source,
                     lambda a: extended(target, to_integer(target, source, mode, flush, a), width))  # fmt: skip

    return [convert(mode, flush) for mode in INTEGRAL for flush in ((False, True) if source == "f32" else (False,))]


def between_floats(target: str, source: str) -> list[Model]:
    narrows = bits_of(target) < bits_of(source)
    modes = ROUNDINGS if narrows else ("", *INTEGRAL) if target == source else ("",)
    flags = [(), ("sat",)] + ([("ftz",), ("ftz", "sat")] if "f32" in (target, source) else [])

    def convert(mode: str, some: tuple[str, ...]) -> Model:
        form = ".".join(("cvt", *([mode] if mode else []), *some, target, source))
        return model(form, target, source, lambda a: float_to_float(target, source, mode, some, a))

    return [convert(mode, some) for mode, some in product(modes, flags)]


def conversions(target: str, source: str) -> list[Model]:
    if source in FLOATS:
        return between_floats(target, source) if target in FLOATS else float_to_integer(target, source)
    return integer_to_float(target, source) if target in FLOATS else integer_to_integer(target, source)


FROM: dict[str, list[Model]] = defaultdict(list)
for _target, _source in product(TYPES, TYPES):
    FROM[_source] += conversions(_target, _source)


def wide_registers() -> list[Model]:
    """Sources and destinations in registers that are wider than their types."""
    found = []
    for type_ in ("s8", "u8", "s16", "u16"):
        into = Model(Case(f"cvt.{type_}.u64", ("b32",), ("b64",)), ("i64",), lambda a, t=type_: extended(t, a, 32))
        out = Model(Case(f"cvt.s64.{type_}", ("b64",), ("b32",)), ("i32",), lambda a, t=type_: extended(t, a, 64))
        to = Model(Case(f"cvt.rzi.{type_}.f32", ("b32",), ("f32",)), ("f32",),
                   lambda a, t=type_: extended(t, to_integer(t, "f32", "rzi", False, a), 32))  # fmt: skip
        found += [into, out, to]
    return found


def pairs() -> list[Model]:
    """cvt.rn.f16x2.f32 d, a, b: a is the upper half. `Model.halves` gives the lower one first."""

    def convert(mode: str) -> Model:
        case = Case(f"cvt.{mode}.f16x2.f32", ("b32",), ("f32", "f32"))
        halves = lambda a, b: tuple(exact.convert(exact.SINGLE, exact.HALF, v, mode) for v in (b, a))  # noqa: E731
        return Model(case, ("f32", "f32"), halves, exact.HALF, halves=True)

    return [convert(mode) for mode in ("rn", "rz")]


@pytest.mark.parametrize("source", TYPES)
def test_a_conversion_gives_the_value_that_ptx_defines(source):
    assert faults(FROM[source], "lanes") == []


@pytest.mark.parametrize("source", TYPES)
def test_a_conversion_gives_the_same_on_a_value_that_all_lanes_share(source):
    assert faults(FROM[source], "uniform") == []


@pytest.mark.parametrize("path", ["lanes", "uniform", "guarded"])
def test_a_register_may_be_wider_than_the_type_in_it(path):
    assert faults(wide_registers(), path) == []


@pytest.mark.parametrize("path", ["lanes", "uniform", "guarded"])
def test_two_singles_become_a_pair_of_halves(path):
    assert faults(pairs(), path) == []
