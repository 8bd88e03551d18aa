"""What sm_100 adds to FP32: two numbers in a 64-bit register, and sums with a 16-bit operand (PTX ISA: Floating Point
Instructions: add, sub, mul, fma with .f32x2; Mixed Precision Floating Point Instructions).

Each half, and each operand once it is widened, which is exact, goes the way of the FP32 instruction.
"""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import llvm_type, splat
from harness.vgpu.jit.rules import directed
from harness.vgpu.jit.rules.floating import flush, saturate
from harness.vgpu.jit.rules.rule import Lower, Rule, RuleTable
from harness.vgpu.ptx.program import Operand

PAIRS = "Floating Point Instructions"
MIXED = "Mixed Precision Floating Point Instructions"


def _compute(c: Context, operation: str, mode: str, values: list[str]) -> str:
    if mode != "rn":
        return directed.compute(c, operation, mode, "float", values)
    if operation == "fma":
        return c.e.intrinsic("fma", "float", c.lanes, *values)
    return c.e.binary(f"f{operation}", "float", c.lanes, *values)


def _pair(operation: str, mode: str, ftz: bool) -> Lower:
    def lower(c: Context) -> None:
        d, *operands = c.instruction.operands
        total = splat("i64", 0, c.lanes)
        for half in (0, 32):
            values = [_half(c, operand, half) for operand in operands]
            result = _compute(c, operation, mode, [flush(c, v) for v in values] if ftz else values)
            result = flush(c, result) if ftz else result
            bits = c.e.bitcast(llvm_type("float", c.lanes), result, llvm_type("i32", c.lanes))
            wide = c.e.cast("zext", "i32", c.lanes, bits, "i64")
            placed = c.e.binary("shl", "i64", c.lanes, wide, splat("i64", half, c.lanes))
            total = c.e.binary("or", "i64", c.lanes, total, placed)
        c.put(d, total, "i64")

    return lower


def _half(c: Context, operand: Operand, half: int) -> str:
    moved = c.e.binary("lshr", "i64", c.lanes, c.get(operand, "i64"), splat("i64", half, c.lanes))
    bits = c.e.cast("trunc", "i64", c.lanes, moved, "i32")
    return c.e.bitcast(llvm_type("i32", c.lanes), bits, llvm_type("float", c.lanes))


def _mixed(operation: str, mode: str, short: str, sat: bool) -> Lower:
    """The last operand is FP32, the others are short."""

    def lower(c: Context) -> None:
        d, *operands, last = c.instruction.operands
        values = [*(_widened(c, operand, short) for operand in operands), c.get(last, "float")]
        result = _compute(c, operation, mode, values)
        c.put(d, saturate(c, result, "float") if sat else result, "float")

    return lower


def _widened(c: Context, operand: Operand, short: str) -> str:
    if short == "f16":
        return c.e.cast("fpext", "half", c.lanes, c.get(operand, "half"), "float")
    wide = c.e.cast("zext", "i16", c.lanes, c.get(operand, "i16"), "i32")
    bits = c.e.binary("shl", "i32", c.lanes, wide, splat("i32", 16, c.lanes))
    return c.e.bitcast(llvm_type("i32", c.lanes), bits, llvm_type("float", c.lanes))


def _table() -> RuleTable:
    rules: RuleTable = {}
    for operation in ("add", "sub", "mul", "fma"):
        for rounding in ("", "rn", "rz", "rm", "rp"):
            if operation == "fma" and not rounding:
                continue  # the one that must name it
            head, mode = ".".join(filter(None, (operation, rounding))), rounding or "rn"
            for ftz in (False, True):
                rules[f"{head}{'.ftz' * ftz}.f32x2"] = Rule(_pair(operation, mode, ftz), PAIRS, "fp32")
            for short in ("f16", "bf16") if operation != "mul" else ():
                for sat in (False, True):
                    rule = Rule(_mixed(operation, mode, short, sat), MIXED, "fp32")
                    rules[f"{head}{'.sat' * sat}.f32.{short}"] = rule
    return rules


RULES = _table()
