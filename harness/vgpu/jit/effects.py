"""What an instruction reads and writes, as far as the analyses need to know.

The PTX convention holds for nearly all: the first operand is the destination. The exceptions are listed here.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.vgpu.ptx.program import (
    Address,
    Group,
    Indexed,
    Instruction,
    Negated,
    Operand,
    Pair,
    Part,
    Register,
    Special,
    Vector,
)

WRITES_NOTHING = frozenset(
    "st stmatrix red bar barrier bra brx ret exit trap brkpt membar fence prefetch prefetchu nanosleep "
    "applypriority discard griddepcontrol setmaxnreg pmevent stackrestore".split()
)
CONTROL = frozenset(("bra", "brx", "ret", "exit", "trap"))
# results arrive in parameter variables, which are memory
WRITES_NOTHING |= {"call"}
VARYING_OPCODES = frozenset(
    "shfl atom vote match activemask elect redux ldmatrix mma wmma movmatrix mbarrier call alloca "
    "addc subc madc".split()
)
# each lane has its own local memory, and its own carry
LANE_MODIFIERS = frozenset(("local", "cc"))
VARYING_SPECIALS = frozenset(
    ("%tid.x", "%tid.y", "%tid.z", "%laneid", "%lanemask_eq", "%lanemask_le", "%lanemask_lt", "%lanemask_ge",
     "%lanemask_gt")
)  # fmt: skip


def _registers(operand: Operand) -> Iterator[Register]:
    match operand:
        case Register():
            yield operand
        case Negated(register):
            yield register
        case Address(base, _):
            if isinstance(base, Register):
                yield base
        case Vector(elements) | Group(elements):
            for element in elements:
                yield from _registers(element)
        case Pair(first, second):
            yield from _registers(first)
            yield from _registers(second)
        case Part(register, _):
            yield register
        case Indexed(address, parts):
            yield from _registers(address)
            for part in parts:
                yield from _registers(part)


def destinations(instruction: Instruction) -> list[Operand]:
    """Operands that the instruction writes."""
    if reduces_at_barrier(instruction):
        return [instruction.operands[0]]
    if instruction.opcode in WRITES_NOTHING or not instruction.operands:
        return []
    first = instruction.operands[0]
    # what is at an address is no register: wmma.store, mbarrier.init, cp.async, ...
    return [] if isinstance(first, Address) else [first]


def reduces_at_barrier(instruction: Instruction) -> bool:
    """bar.red: the one barrier with a result."""
    return instruction.opcode in ("bar", "barrier") and "red" in instruction.modifiers


def sources(instruction: Instruction) -> list[Operand]:
    """Operands that the instruction reads, its guard left out."""
    return list(instruction.operands[len(destinations(instruction)) :])


def written(instruction: Instruction) -> set[str]:
    return {r.name for operand in destinations(instruction) for r in _registers(operand)}


def read(instruction: Instruction) -> set[str]:
    """Registers read, the guard among them; an address in a destination does not occur in PTX."""
    names = {r.name for operand in sources(instruction) for r in _registers(operand)}
    if instruction.guard:
        names.add(instruction.guard.register.name)
    return names


def is_lane_dependent(instruction: Instruction) -> bool:
    """Whether lanes get different results from equal operands, or a result that arrives as a vector."""
    if reduces_at_barrier(instruction):
        return True
    if instruction.opcode in VARYING_OPCODES or not LANE_MODIFIERS.isdisjoint(instruction.modifiers):
        return True
    return any(isinstance(o, Special) and o.name in VARYING_SPECIALS for o in instruction.operands)
