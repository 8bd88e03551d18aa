"""set, and the forms of setp with .ftz, bf16, or two numbers in a register (PTX ISA: Comparison and Selection
Instructions; Half Precision Comparison Instructions).

An instruction is taken apart into comparison, Boolean operator, .ftz and types.
"""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import llvm_type, splat
from harness.vgpu.jit.rules.compare import BITS_ONLY, COMBINE, FLOATING, SIGNED, UNSIGNED
from harness.vgpu.jit.rules.floating import flush as flush_single
from harness.vgpu.jit.rules.formats import pieces, put_pieces, widen
from harness.vgpu.jit.rules.rule import LLVM_INTEGER, Kind, Rule
from harness.vgpu.jit.rules.short_floats import flush
from harness.vgpu.ptx.program import Instruction, Operand, Pair

SECTION = "Comparison and Selection Instructions: set, setp"
HALF = "Half Precision Comparison Instructions: set, setp"
SHORT = {"f16": ("f16", 1), "f16x2": ("f16", 2), "bf16": ("bf16", 1), "bf16x2": ("bf16", 2)}
WIDE_FLOAT = {"f32": "float", "f64": "double"}
INTEGERS = tuple(f"{sign}{bits}" for sign in "bsu" for bits in (16, 32, 64))
# what "true" is as a number of each type; integers have every bit set
TRUE = {"u32": -1, "s32": -1, "u16": -1, "s16": -1, "f32": 0x3F800000, "f16": 0x3C00, "bf16": 0x3F80,
        "f16x2": 0x3C00, "bf16x2": 0x3F80}  # fmt: skip
ANY_SOURCE = (*INTEGERS, *WIDE_FLOAT, "f16", "bf16")
SOURCES = {  # of `set`, by result type
    "u32": (*ANY_SOURCE, "f16x2", "bf16x2"), "s32": (*ANY_SOURCE, "f16x2", "bf16x2"),
    "f32": (*INTEGERS, *WIDE_FLOAT), "u16": ("f16", "bf16"), "s16": ("f16", "bf16"),
    "f16": ANY_SOURCE, "bf16": ANY_SOURCE, "f16x2": ("f16x2",), "bf16x2": ("bf16x2",),
}  # fmt: skip


def find(instruction: Instruction) -> Rule | None:
    """The rule of a `set`, or of a `setp` that the tables of whole forms do not have."""
    if instruction.opcode not in ("set", "setp"):
        return None
    comparison, *rest = instruction.modifiers
    if rest and rest[0] in COMBINE:
        rest = rest[1:]
    if rest and rest[0] == "ftz":
        rest = rest[1:]
    if len(rest) != (2 if instruction.opcode == "set" else 1) or comparison not in _predicates(rest[-1]):
        return None
    if instruction.opcode == "set" and rest[-1] not in SOURCES.get(rest[0], ()):
        return None
    section = HALF if set(rest) & set(SHORT) else SECTION
    kind: Kind = "fp16" if rest[-1] in SHORT else "fp32" if rest[-1] == "f32" else "int"
    return Rule(_set if instruction.opcode == "set" else _setp, section, kind)


def _predicates(type_: str) -> dict[str, str]:
    """LLVM's names of the comparisons that a type has."""
    if type_ in SHORT or type_ in WIDE_FLOAT:
        return FLOATING
    return {"s": SIGNED, "u": UNSIGNED, "b": BITS_ONLY}[type_[0]] if type_ in INTEGERS else {}


def _compare(c: Context, type_: str, a: Operand, b: Operand) -> list[str]:
    """One truth value, or two for a packed type."""
    predicate, ftz = _predicates(type_)[c.instruction.modifiers[0]], "ftz" in c.instruction.modifiers
    if type_ in SHORT:
        name, packed = SHORT[type_]
        results = []
        for pair in zip(pieces(c, a, packed), pieces(c, b, packed), strict=True):
            x, y = (widen(c, name, bits) for bits in pair)
            if ftz:
                x, y = flush(c, name, x), flush(c, name, y)
            results.append(c.e.let(f"fcmp {predicate} {llvm_type('float', c.lanes)} {x}, {y}"))
        return results
    scalar = WIDE_FLOAT.get(type_) or LLVM_INTEGER[type_]
    x, y = c.get(a, scalar), c.get(b, scalar)
    if ftz:
        x, y = flush_single(c, x), flush_single(c, y)
    compare = "fcmp" if type_ in WIDE_FLOAT else "icmp"
    return [c.e.let(f"{compare} {predicate} {llvm_type(scalar, c.lanes)} {x}, {y}")]


def _combine(c: Context, results: list[str], third: list[Operand]) -> list[str]:
    operator = c.instruction.modifiers[1]
    if operator not in COMBINE:
        return results
    other = c.get(third[0], "i1")
    return [c.e.binary(operator, "i1", c.lanes, result, other) for result in results]


def _setp(c: Context) -> None:
    """p|q: the result and its inverse; of a packed type the results of the lower and the upper number."""
    d, a, b, *third = c.instruction.operands
    type_ = c.instruction.modifiers[-1]
    results = _compare(c, type_, a, b)
    if len(results) == 1 and isinstance(d, Pair):
        results.append(c.e.binary("xor", "i1", c.lanes, results[0], splat("i1", "true", c.lanes)))
    results = _combine(c, results, third)
    targets = (d.first, d.second) if isinstance(d, Pair) else (d,)
    for target, result in zip(targets, results, strict=False):
        c.put(target, result, "i1")


def _set(c: Context) -> None:
    d, a, b, *third = c.instruction.operands
    target, source = c.instruction.modifiers[-2:]
    results = _combine(c, _compare(c, source, a, b), third)
    packed = source in ("f16x2", "bf16x2")
    scalar = "i16" if packed or target in ("f16", "bf16", "u16", "s16") else "i32"
    true, false = splat(scalar, TRUE[target], c.lanes), splat(scalar, 0, c.lanes)
    values = [c.e.select(result, scalar, c.lanes, true, false) for result in results]
    if scalar == "i16":
        put_pieces(c, d, values)
    else:
        c.put(d, values[0], "i32")
