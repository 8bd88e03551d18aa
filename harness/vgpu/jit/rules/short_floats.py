"""Arithmetic of bf16 and bf16x2, and of f16 and f16x2 in its rarer forms: .ftz, .relu, ex2, tanh
(PTX ISA: Half Precision Floating Point Instructions).

A packed register is taken as two numbers. Sums and products are computed in FP32, whose 24 bits are enough for the
second rounding to be harmless (2 * 11 + 2); a fused multiply-add is rounded to odd first. A NaN result is 0x7FFF.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import float_literal, llvm_type, splat
from harness.vgpu.jit.rules import approximate
from harness.vgpu.jit.rules.formats import (
    NAN,
    SMALLEST_NORMAL,
    fused,
    is_nan_bits,
    narrow,
    pieces,
    put_pieces,
    widen,
)
from harness.vgpu.jit.rules.rule import Lower, Rule, RuleTable

SECTION = "Half Precision Floating Point Instructions"
Compute = Callable[..., str]
Flags = tuple[tuple[str, ...], ...]
VARIANTS = (("f16", "f16", 1), ("f16x2", "f16", 2), ("bf16", "bf16", 1), ("bf16x2", "bf16", 2))


# --- finishing touches --------------------------------------------------------------------------------------------


def flush(c: Context, name: str, value: str) -> str:
    """.ftz: a number that is subnormal in its format (here: widened to FP32) becomes a zero of the same sign."""
    n, type_ = c.lanes, llvm_type("float", c.lanes)
    smallest = splat("float", float_literal(SMALLEST_NORMAL[name]), n)
    tiny = c.e.let(f"fcmp olt {type_} {c.e.intrinsic('fabs', 'float', n, value)}, {smallest}")
    zero = c.e.intrinsic("copysign", "float", n, splat("float", "0.0", n), value)
    return c.e.select(tiny, "float", n, zero, value)


def relu_bits(c: Context, name: str, bits: str) -> str:
    """.relu: negative numbers become +0; NaN becomes the canonical NaN."""
    n = c.lanes
    negative = c.e.let(f"icmp slt {llvm_type('i16', n)} {bits}, {splat('i16', 0, n)}")
    clamped = c.e.select(negative, "i16", n, splat("i16", 0, n), bits)
    return c.e.select(is_nan_bits(c, name, bits), "i16", n, splat("i16", NAN[name], n), clamped)


def _saturate(c: Context, value: str) -> str:
    """.sat: clamp to [0, 1]; NaN becomes +0."""
    n, type_ = c.lanes, llvm_type("float", c.lanes)
    zero, one = splat("float", "0.0", n), splat("float", "1.0", n)
    positive = c.e.select(c.e.let(f"fcmp ogt {type_} {value}, {zero}"), "float", n, value, zero)
    return c.e.select(c.e.let(f"fcmp olt {type_} {positive}, {one}"), "float", n, positive, one)


# --- the arithmetic, on FP32 numbers ------------------------------------------------------------------------------


def _llvm(operation: str) -> Compute:
    def compute(c: Context, a: str, b: str) -> str:
        return c.e.binary(operation, "float", c.lanes, a, b)

    return compute


def _arithmetic(compute: Compute, name: str, packed: int, flags: tuple[str, ...] = ()) -> Lower:
    """Each number widened, computed in FP32, rounded to its format."""

    def lower(c: Context) -> None:
        d, *operands = c.instruction.operands
        results = []
        for bits in zip(*(pieces(c, o, packed) for o in operands), strict=True):
            values = [widen(c, name, b) for b in bits]
            if "ftz" in flags:
                values = [flush(c, name, v) for v in values]
            result = compute(c, *values)
            if "sat" in flags:
                result = _saturate(c, result)
            rounded = narrow(c, name, result)
            if "ftz" in flags:
                rounded = narrow(c, name, flush(c, name, widen(c, name, rounded)))
            results.append(relu_bits(c, name, rounded) if "relu" in flags else rounded)
        put_pieces(c, d, results)

    return lower


def _sign(operation: str, constant: int, name: str, packed: int, ftz: bool) -> Lower:
    """neg, abs: the sign bit alone."""

    def lower(c: Context) -> None:
        d, a = c.instruction.operands
        results = []
        for bits in pieces(c, a, packed):
            if ftz:
                bits = narrow(c, name, flush(c, name, widen(c, name, bits)))
            results.append(c.e.binary(operation, "i16", c.lanes, bits, splat("i16", constant, c.lanes)))
        put_pieces(c, d, results)

    return lower


def _table() -> RuleTable:
    rules: RuleTable = {}

    def add(form: str, lower: Lower, sfu: bool = False) -> None:
        rules[form] = Rule(lower, SECTION, "sfu" if sfu else "fp16")

    binary = {"add": _llvm("fadd"), "sub": _llvm("fsub"), "mul": _llvm("fmul")}
    for type_, name, packed in VARIANTS:
        half = name == "f16"
        for operation, compute in binary.items():
            for rounding in ("", ".rn"):
                endings: Flags = (("ftz",), ("ftz", "sat")) if half else ((),)
                for flags in endings:
                    form = ".".join((operation + rounding, *flags, type_))
                    add(form, _arithmetic(compute, name, packed, flags))
        endings = (("ftz",), ("ftz", "sat"), ("ftz", "relu"), ("relu",)) if half else ((), ("relu",))
        for flags in endings:
            add(".".join(("fma.rn", *flags, type_)), _arithmetic(fused, name, packed, flags))
        for ftz in (True,) if half else (False,):
            add(f"neg{'.ftz' * ftz}.{type_}", _sign("xor", 0x8000, name, packed, ftz))
            add(f"abs{'.ftz' * ftz}.{type_}", _sign("and", 0x7FFF, name, packed, ftz))
        # bf16's ex2 exists with .ftz only; f16's flushes nothing
        ftz_flag = () if half else ("ftz",)
        add(".".join(("ex2.approx", *ftz_flag, type_)), _arithmetic(approximate.ex2, name, packed, ftz_flag), sfu=True)
        add(f"tanh.approx.{type_}", _arithmetic(approximate.tanh, name, packed), sfu=True)
    return rules


RULES = _table()
