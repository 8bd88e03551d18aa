"""min and max with .NaN and .xorsign.abs of f16, bf16 and FP32, and all of bf16's (PTX ISA: Half Precision Floating
Point Instructions; Floating Point Instructions: min, max).

Computed on bits: with the low bits of negative numbers inverted, numbers are ordered as integers are, -0 below +0.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import BITS, llvm_type, splat
from harness.vgpu.jit.rules.formats import pieces, put_pieces
from harness.vgpu.jit.rules.rule import Lower, Rule, RuleTable
from harness.vgpu.ptx.program import Operand

SINGLE = "Floating Point Instructions: min, max"
HALF = "Half Precision Floating Point Instructions: min, max"


@dataclass(frozen=True, slots=True)
class Format:
    """A number format as bits; `normal` is its smallest normal number."""

    scalar: str
    infinity: int
    normal: int

    @property
    def sign(self) -> int:
        return 1 << BITS[self.scalar] - 1

    @property
    def nan(self) -> int:
        return self.sign - 1


FORMATS = {"f16": Format("i16", 0x7C00, 0x0400), "bf16": Format("i16", 0x7F80, 0x0080),
           "f32": Format("i32", 0x7F800000, 0x00800000)}  # fmt: skip


def _sortable(c: Context, f: Format, bits: str) -> str:
    """An integer that is ordered as the number is; its own inverse."""
    n = c.lanes
    sign = c.e.binary("ashr", f.scalar, n, bits, splat(f.scalar, BITS[f.scalar] - 1, n))
    return c.e.binary("xor", f.scalar, n, bits, c.e.binary("and", f.scalar, n, sign, splat(f.scalar, f.sign - 1, n)))


def _magnitude(c: Context, f: Format, bits: str) -> str:
    return c.e.binary("and", f.scalar, c.lanes, bits, splat(f.scalar, f.sign - 1, c.lanes))


def _is_nan(c: Context, f: Format, bits: str) -> str:
    type_ = llvm_type(f.scalar, c.lanes)
    return c.e.let(f"icmp ugt {type_} {_magnitude(c, f, bits)}, {splat(f.scalar, f.infinity, c.lanes)}")


def _flush(c: Context, f: Format, bits: str) -> str:
    """.ftz: a subnormal number becomes a zero of the same sign."""
    n = c.lanes
    tiny = c.e.let(f"icmp ult {llvm_type(f.scalar, n)} {_magnitude(c, f, bits)}, {splat(f.scalar, f.normal, n)}")
    zero = c.e.binary("and", f.scalar, n, bits, splat(f.scalar, f.sign, n))
    return c.e.select(tiny, f.scalar, n, zero, bits)


def _extreme(c: Context, f: Format, operation: str, flags: tuple[str, ...], a: str, b: str) -> str:
    """A NaN gives way to a number, or wins with .NaN; .xorsign.abs compares magnitudes and multiplies the signs."""
    n, scalar = c.lanes, f.scalar
    if "ftz" in flags:
        a, b = _flush(c, f, a), _flush(c, f, b)
    sign = c.e.binary("and", scalar, n, c.e.binary("xor", scalar, n, a, b), splat(scalar, f.sign, n))
    if "xorsign" in flags:
        a, b = _magnitude(c, f, a), _magnitude(c, f, b)
    chosen = _sortable(c, f, c.e.intrinsic(f"s{operation}", scalar, n, _sortable(c, f, a), _sortable(c, f, b)))
    if "xorsign" in flags:
        a, b, chosen = (c.e.binary("or", scalar, n, v, sign) for v in (a, b, chosen))
    nan, a_is_nan, b_is_nan = splat(scalar, f.nan, n), _is_nan(c, f, a), _is_nan(c, f, b)
    either = c.e.binary("or", "i1", n, a_is_nan, b_is_nan)
    if "NaN" in flags:
        return c.e.select(either, scalar, n, nan, chosen)
    chosen = c.e.select(b_is_nan, scalar, n, a, c.e.select(a_is_nan, scalar, n, b, chosen))
    return c.e.select(c.e.binary("and", "i1", n, a_is_nan, b_is_nan), scalar, n, nan, chosen)


def _halves(name: str, packed: int, operation: str, flags: tuple[str, ...]) -> Lower:
    def lower(c: Context) -> None:
        d, a, b = c.instruction.operands
        pairs = zip(pieces(c, a, packed), pieces(c, b, packed), strict=True)
        put_pieces(c, d, [_extreme(c, FORMATS[name], operation, flags, x, y) for x, y in pairs])

    return lower


def _single(operation: str, flags: tuple[str, ...]) -> Lower:
    def lower(c: Context) -> None:
        d, a, b = c.instruction.operands
        result = _extreme(c, FORMATS["f32"], operation, flags, as_i32(c, a), as_i32(c, b))
        c.put(d, result, "i32")

    def as_i32(c: Context, operand: Operand) -> str:
        return c.e.bitcast(llvm_type("float", c.lanes), c.get(operand, "float"), llvm_type("i32", c.lanes))

    return lower


def _table() -> RuleTable:
    rules: RuleTable = {}
    choices = [(*nan, *xorsign) for nan in ((), ("NaN",)) for xorsign in ((), ("xorsign", "abs"))]
    for operation in ("min", "max"):
        for chosen in choices:
            for ftz in ((), ("ftz",)):
                flags = (*ftz, *chosen)
                for type_, packed in (("f16", 1), ("f16x2", 2)):
                    if flags:  # the plain forms stand with the other arithmetic
                        rules[".".join((operation, *flags, type_))] = Rule(
                            _halves("f16", packed, operation, flags), HALF, "fp16"
                        )
                if chosen:
                    rules[".".join((operation, *flags, "f32"))] = Rule(_single(operation, flags), SINGLE, "fp32")
            for type_, packed in (("bf16", 1), ("bf16x2", 2)):
                rules[".".join((operation, *chosen, type_))] = Rule(
                    _halves("bf16", packed, operation, chosen), HALF, "fp16"
                )
    return rules


RULES = _table()
