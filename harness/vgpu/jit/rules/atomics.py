"""atom and red of the scalar types (PTX ISA: Parallel Synchronization and Communication Instructions: atom, red).

Every one goes through a helper that updates lane after lane, in ascending order.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.effects import written
from harness.vgpu.jit.emitter import LANES, llvm_type
from harness.vgpu.jit.frame import Access
from harness.vgpu.jit.rules.access import Shape, active_bits, address_of, call_helper, hand_over, shape_of, warp_field
from harness.vgpu.jit.rules.rule import Rule
from harness.vgpu.ptx.program import Instruction, Sink

ATOMICS = "Parallel Synchronization and Communication Instructions: atom, red"
OPERATIONS = {name: code for code, name in enumerate("add min max and or xor exch cas inc dec".split())}
TYPES = {"u32": 0, "b32": 0, "s32": 1, "u64": 2, "b64": 2, "s64": 3, "f32": 4, "f64": 5}


@dataclass(frozen=True, slots=True)
class Form:
    """What one instruction does to which memory."""

    shape: Shape
    operation: str


def find(instruction: Instruction) -> Rule | None:
    """The rule of such an `atom` or `red`, or None."""
    return Rule(_atomic, ATOMICS, "memory") if _parse(instruction) else None


def shows_order(instruction: Instruction, used: Container[str]) -> bool:
    """Whether the result of the launch shows in which order blocks reached this atomic. `used`: registers read later.

    A sum of integers, a minimum, … is the same in any order, but not what a thread gets back, nor a sum of floats.
    """
    form = _parse(instruction)
    if form is None or form.shape.space == "shared":
        return False
    floats = form.operation == "add" and "f" in form.shape.type
    return floats or form.operation in ("exch", "cas") or returns_old(instruction, used)


def returns_old(instruction: Instruction, used: Container[str]) -> bool:
    return instruction.opcode == "atom" and any(name in used for name in written(instruction))


def access_of(c: Context) -> Access:
    """An atom whose result nobody reads is what ptxas makes a reduction of."""
    return "atomic" if returns_old(c.instruction, c.used) else "reduction"


def _parse(instruction: Instruction) -> Form | None:
    operations = [modifier for modifier in instruction.modifiers if modifier in OPERATIONS]
    if instruction.opcode not in ("atom", "red") or len(operations) != 1:
        return None
    rest = tuple(modifier for modifier in instruction.modifiers if modifier not in OPERATIONS)
    shape = shape_of(replace(instruction, modifiers=rest))
    return Form(shape, operations[0]) if shape and shape.type in TYPES and shape.count == 1 else None


def _atomic(c: Context) -> None:
    form = _parse(c.instruction)
    assert form is not None
    shape = form.shape
    operands = list(c.instruction.operands)
    d = operands.pop(0) if c.instruction.opcode == "atom" else Sink()
    target, a, *rest = operands
    address = address_of(c, target, shape.space, LANES)
    if form.operation == "cas":  # atom.cas d, [a], compare, value
        c.e.store(llvm_type(shape.element, LANES), c.get(a, shape.element, lanes=LANES), warp_field(c, "operand_b"), 8)
        a = rest[0]
    c.e.store(llvm_type(shape.element, LANES), c.get(a, shape.element, lanes=LANES), warp_field(c, "operand_a"), 8)
    bits = active_bits(c)
    site = c.site(shape.space, access_of(c))
    mask, _ = hand_over(c, shape, address, LANES, bits)
    code = OPERATIONS[form.operation] | TYPES[shape.type] << 8
    call_helper(c, "atomic", f"i32 {mask}, i32 {code}, i32 {shape.bytes}, i32 {site}")
    if not isinstance(d, Sink):
        old = c.e.load(llvm_type(shape.element, LANES), warp_field(c, "scratch"), 8)
        c.put(d, old, shape.element, lanes=LANES)
