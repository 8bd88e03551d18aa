"""FP64 in the directed rounding modes, FP32's quotients and roots there; .ftz forms of exact FP32 operations; the
approximations of FP64 (PTX ISA: Floating Point Instructions).

The directed modes are the CPU's own, set by a helper around a scalar operation: exact on every CPU, and rare in
programs (__dadd_rz and its like).
"""

from __future__ import annotations

from collections.abc import Callable

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import float_literal, llvm_type, splat
from harness.vgpu.jit.rules.access import call_helper, warp_field
from harness.vgpu.jit.rules.floating import flush, saturate
from harness.vgpu.jit.rules.rule import Lower, Rule, RuleTable

SECTION = "Floating Point Instructions"
OPERATIONS = {name: code for code, name in enumerate("add sub mul fma div sqrt rcp".split())}
MODES = {name: code for code, name in enumerate("rn rz rm rp".split())}
FIELDS = ("operand_a", "operand_b", "addresses")


def _directed(operation: str, mode: str, scalar: str, ftz: bool = False, sat: bool = False) -> Lower:
    def lower(c: Context) -> None:
        d, *operands = c.instruction.operands
        values = [c.get(o, scalar) for o in operands]
        if ftz:
            values = [flush(c, value) for value in values]
        result = compute(c, operation, mode, scalar, values)
        if ftz:
            result = flush(c, result)
        c.put(d, saturate(c, result, scalar) if sat else result, scalar)

    return lower


def compute(c: Context, operation: str, mode: str, scalar: str, values: list[str]) -> str:
    n, integer = c.lanes, "i64" if scalar == "double" else "i32"
    type_, wide = llvm_type(scalar, n), llvm_type("i64", n)
    for field, value in zip(FIELDS, values, strict=False):
        bits = c.e.bitcast(type_, value, llvm_type(integer, n))
        c.e.store(wide, c.e.cast("zext", integer, n, bits, "i64"), warp_field(c, field), 8)
    code = OPERATIONS[operation] | MODES[mode] << 8 | n << 16 | (scalar == "double") << 24
    call_helper(c, "directed", f"i32 {code}")
    found = c.e.load(wide, warp_field(c, "scratch"), 8)
    return c.e.bitcast(llvm_type(integer, n), c.e.cast("trunc", "i64", n, found, integer), type_)


# --- .ftz forms of what stands in the other tables without ----------------------------------------------------------


def _flushed(compute: Callable[..., str]) -> Lower:
    def lower(c: Context) -> None:
        d, *operands = c.instruction.operands
        c.put(d, flush(c, compute(c, *(flush(c, c.get(o, "float")) for o in operands))), "float")

    return lower


def _divide(c: Context, a: str, b: str) -> str:
    return c.e.binary("fdiv", "float", c.lanes, a, b)


def _reciprocal(c: Context, a: str) -> str:
    return _divide(c, splat("float", "1.0", c.lanes), a)


def _root(c: Context, a: str) -> str:
    return c.e.intrinsic("sqrt", "float", c.lanes, a)


def _negate(c: Context, a: str) -> str:
    return c.e.let(f"fneg {llvm_type('float', c.lanes)} {a}")


def _magnitude(c: Context, a: str) -> str:
    return c.e.intrinsic("fabs", "float", c.lanes, a)


# --- approximations of FP64 ---------------------------------------------------------------------------------------


def _gross(root: bool) -> Lower:
    """From the upper 32 bits of the operand to the upper 32 bits of the result; the lower are 0, subnormals are 0."""

    def lower(c: Context) -> None:
        d, a = c.instruction.operands
        n, type_, integer = c.lanes, llvm_type("double", c.lanes), llvm_type("i64", c.lanes)
        upper = splat("i64", -(1 << 32), n)

        def flush_double(value: str) -> str:
            size = c.e.intrinsic("fabs", "double", n, value)
            tiny = c.e.let(f"fcmp olt {type_} {size}, {splat('double', float_literal(2.0**-1022), n)}")
            zero = c.e.intrinsic("copysign", "double", n, splat("double", "0.0", n), value)
            return c.e.select(tiny, "double", n, zero, value)

        bits = c.e.binary("and", "i64", n, c.get(a, "i64"), upper)
        value = flush_double(c.e.bitcast(integer, bits, type_))
        if root:
            value = c.e.intrinsic("sqrt", "double", n, value)
        result = flush_double(c.e.binary("fdiv", "double", n, splat("double", "1.0", n), value))
        bits = c.e.bitcast(type_, result, integer)
        finite = c.e.let(f"fcmp olt {type_} {c.e.intrinsic('fabs', 'double', n, result)}, "
                         f"{splat('double', '0x7FF0000000000000', n)}")  # fmt: skip
        rounded = c.e.binary("add", "i64", n, bits, splat("i64", 1 << 31, n))
        rounded = c.e.select(finite, "i64", n, rounded, bits)
        c.put(d, c.e.binary("and", "i64", n, rounded, upper), "i64")

    return lower


def _rsqrt(c: Context) -> None:
    """Two roundings: within one ulp."""
    d, a = c.instruction.operands
    root = c.e.intrinsic("sqrt", "double", c.lanes, c.get(a, "double"))
    c.put(d, c.e.binary("fdiv", "double", c.lanes, splat("double", "1.0", c.lanes), root), "double")


def _table() -> RuleTable:
    rules: RuleTable = {}
    for mode in ("rz", "rm", "rp"):
        for name in OPERATIONS:
            rules[f"{name}.{mode}.f64"] = Rule(_directed(name, mode, "double"), SECTION, "fp64")
            for ftz in (False, True):
                for sat in (False, True):
                    quotient = name in ("div", "sqrt", "rcp")
                    if (quotient and sat) or not (quotient or ftz or sat):
                        continue  # no such form, or among the other arithmetic
                    form = f"{name}.{mode}{'.ftz' * ftz}{'.sat' * sat}.f32"
                    rules[form] = Rule(_directed(name, mode, "float", ftz, sat), SECTION, "fp32")
    exact: dict[str, Callable[..., str]] = {
        "div.rn": _divide, "rcp.rn": _reciprocal, "sqrt.rn": _root, "neg": _negate, "abs": _magnitude,
    }  # fmt: skip
    for form, compute in exact.items():
        rules[f"{form}.ftz.f32"] = Rule(_flushed(compute), SECTION, "fp32")
    for name, root in (("rcp", False), ("rsqrt", True)):
        rules[f"{name}.approx.ftz.f64"] = Rule(_gross(root), SECTION, "sfu")
    rules["rsqrt.approx.f64"] = Rule(_rsqrt, SECTION, "sfu")
    return rules


RULES = _table()
