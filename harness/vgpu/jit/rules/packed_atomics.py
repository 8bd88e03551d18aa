"""atom and red of f16, bf16, their pairs and vectors, of FP32 vectors, and of 16 and 128 bits (PTX ISA: Parallel
Synchronization and Communication Instructions: atom, red).
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import LANES, llvm_type
from harness.vgpu.jit.rules.access import (
    HINTS,
    SPACE_OF,
    Shape,
    active_bits,
    address_of,
    call_helper,
    gather_operands,
    hand_over,
    spread_results,
    warp_field,
)
from harness.vgpu.jit.rules.atomics import ATOMICS, access_of, returns_old
from harness.vgpu.jit.rules.rule import Rule
from harness.vgpu.ptx.program import SIZES, Instruction, Operand, Sink

# codes of vgpu_packed_atomic in run/packed.c, and elements in one operand
TYPES = {"f16": (0, 1), "f16x2": (0, 2), "bf16": (1, 1), "bf16x2": (1, 2), "f32": (2, 1), "b16": (3, 1), "b128": (4, 1)}
OPERATIONS = {"add": 0, "min": 1, "max": 2, "exch": 6, "cas": 7}
ALLOWED = {"f16": "add min max", "bf16": "add min max", "f16x2": "add min max", "bf16x2": "add min max", "f32": "add",
           "b16": "cas", "b128": "cas exch"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Form:
    shape: Shape
    operation: str


def find(instruction: Instruction) -> Rule | None:
    """The rule of such an `atom` or `red`, or None."""
    return Rule(_atomic, ATOMICS, "memory") if _parse(instruction) else None


def shows_order(instruction: Instruction, used: Container[str]) -> bool:
    """Whether the result of the launch shows in which order blocks reached this atomic."""
    form = _parse(instruction)
    if form is None or form.shape.space == "shared":
        return False
    return form.operation in ("add", "exch", "cas") or returns_old(instruction, used)


def _parse(instruction: Instruction) -> _Form | None:
    if instruction.opcode not in ("atom", "red"):
        return None
    space, type_, operation, count = "generic", "", "", 1
    for modifier in instruction.modifiers:
        if modifier in SPACE_OF:
            space = SPACE_OF[modifier]
        elif modifier in ("v2", "v4", "v8"):
            count = int(modifier[1])
        elif modifier in TYPES:
            type_ = modifier
        elif modifier in OPERATIONS:
            operation = modifier
        elif modifier not in HINTS:
            return None
    if operation not in ALLOWED.get(type_, "").split() or count * SIZES[type_] > 16:
        return None
    if type_ == "f32" and count == 1:
        return None  # among the other scalar types
    return _Form(Shape(space, type_, count), operation)


def _atomic(c: Context) -> None:
    form = _parse(c.instruction)
    assert form is not None
    shape, operands = form.shape, list(c.instruction.operands)
    d: Operand = operands.pop(0) if c.instruction.opcode == "atom" else Sink()
    target, a, *rest = operands
    if form.operation == "cas":  # d, [a], compare, value
        _put(c, a, shape, "operand_b")
        a = rest[0]
    _put(c, a, shape, "operand_a")
    bits = active_bits(c)
    site = c.site(shape.space, access_of(c))
    hand_over(c, shape, address_of(c, target, shape.space, LANES), LANES, bits)
    type_code, packed = TYPES[shape.type]
    code = OPERATIONS[form.operation] | type_code << 8 | shape.count * packed << 16
    call_helper(c, "packed_atomic", f"i32 {bits}, i32 {code}, i32 {shape.bytes}, i32 {site}")
    old = c.e.load(llvm_type(shape.element, LANES * shape.count), warp_field(c, "scratch"), 8)
    if not isinstance(d, Sink):
        spread_results(c, d, shape, old, LANES)


def _put(c: Context, operand: Operand, shape: Shape, field: str) -> None:
    value = gather_operands(c, operand, shape)
    c.e.store(llvm_type(shape.element, LANES * shape.count), value, warp_field(c, field), 8)
