"""Comparison and selection: setp, selp, slct (PTX ISA: Comparison and Selection Instructions)."""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import llvm_type, splat
from harness.vgpu.jit.rules.rule import LLVM_FLOAT, LLVM_INTEGER, Kind, Lower, Rule, RuleTable
from harness.vgpu.ptx.program import Pair

SECTION = "Comparison and Selection Instructions"

SIGNED = {"eq": "eq", "ne": "ne", "lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge"}
UNSIGNED = {"eq": "eq", "ne": "ne", "lt": "ult", "le": "ule", "gt": "ugt", "ge": "uge",
            "lo": "ult", "ls": "ule", "hi": "ugt", "hs": "uge"}  # fmt: skip
BITS_ONLY = {"eq": "eq", "ne": "ne"}
# without u: false where an operand is NaN; with u: true
FLOATING = {"eq": "oeq", "ne": "one", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge",
            "equ": "ueq", "neu": "une", "ltu": "ult", "leu": "ule", "gtu": "ugt", "geu": "uge",
            "num": "ord", "nan": "uno"}  # fmt: skip
COMBINE = ("and", "or", "xor")


def _setp(compare: str, predicate: str, scalar: str, combine: str | None) -> Lower:
    def lower(c: Context) -> None:
        d, a, b, *third = c.instruction.operands
        values = f"{llvm_type(scalar, c.lanes)} {c.get(a, scalar)}, {c.get(b, scalar)}"
        result = c.e.let(f"{compare} {predicate} {values}")
        second = d.second if isinstance(d, Pair) else None
        inverse = c.e.binary("xor", "i1", c.lanes, result, splat("i1", "true", c.lanes)) if second else ""
        if combine:
            other = c.get(third[0], "i1")
            result = c.e.binary(combine, "i1", c.lanes, result, other)
            if second:
                inverse = c.e.binary(combine, "i1", c.lanes, inverse, other)
        c.put(d.first if isinstance(d, Pair) else d, result, "i1")
        if second:
            c.put(second, inverse, "i1")

    return lower


def _selp(scalar: str) -> Lower:
    def lower(c: Context) -> None:
        d, a, b, condition = c.instruction.operands
        c.put(d, c.e.select(c.get(condition, "i1"), scalar, c.lanes, c.get(a, scalar), c.get(b, scalar)), scalar)

    return lower


def _slct(scalar: str, condition_type: str) -> Lower:
    """a where c >= 0; a NaN selects b, and -0.0 counts as 0."""

    def lower(c: Context) -> None:
        d, a, b, condition = c.instruction.operands
        if condition_type == "s32":
            test = f"icmp sge {llvm_type('i32', c.lanes)} {c.get(condition, 'i32')}, {splat('i32', 0, c.lanes)}"
        else:
            zero = splat("float", "0.0", c.lanes)
            test = f"fcmp oge {llvm_type('float', c.lanes)} {c.get(condition, 'float')}, {zero}"
        c.put(d, c.e.select(c.e.let(test), scalar, c.lanes, c.get(a, scalar), c.get(b, scalar)), scalar)

    return lower


def _table() -> RuleTable:
    rules: RuleTable = {}

    def setp(operators: dict[str, str], compare: str, type_: str, scalar: str, kind: Kind) -> None:
        for name, predicate in operators.items():
            rules[f"setp.{name}.{type_}"] = Rule(_setp(compare, predicate, scalar, None), SECTION, kind)
            for combine in COMBINE:
                lower = _setp(compare, predicate, scalar, combine)
                rules[f"setp.{name}.{combine}.{type_}"] = Rule(lower, SECTION, kind)

    for bits in (16, 32, 64):
        setp(SIGNED, "icmp", f"s{bits}", f"i{bits}", "int")
        setp(UNSIGNED, "icmp", f"u{bits}", f"i{bits}", "int")
        setp(BITS_ONLY, "icmp", f"b{bits}", f"i{bits}", "int")
        for sign in "bsu":
            rules[f"selp.{sign}{bits}"] = Rule(_selp(f"i{bits}"), SECTION, "int")
            if bits > 16:
                rules[f"slct.{sign}{bits}.s32"] = Rule(_slct(f"i{bits}", "s32"), SECTION, "int")
                rules[f"slct.{sign}{bits}.f32"] = Rule(_slct(f"i{bits}", "f32"), SECTION, "int")
    for type_, scalar in LLVM_FLOAT.items():
        kind: Kind = "fp16" if type_ == "f16" else "fp32" if type_ == "f32" else "fp64"
        setp(FLOATING, "fcmp", type_, scalar, kind)
        if type_ != "f16":
            rules[f"selp.{type_}"] = Rule(_selp(LLVM_INTEGER[f"b{type_[1:]}"]), SECTION, "int")
    return rules


RULES = _table()
