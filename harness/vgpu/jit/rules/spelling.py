"""The order of modifiers: assemblers take `vote.ballot.sync.b32` for `vote.sync.ballot.b32`; the rules know one order.

The PTX ISA gives each instruction one order. ptxas reads others too, and headers count on it: CUB writes the vote so,
cuRAND `add.f32.ftz`. Only types must stay in their order, as `cvt.u32.f32` shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from harness.vgpu.ptx.program import Instruction

_TYPE = re.compile(r"pred|tf32|[busf]\d+(x\d+)?|bf16(x2)?|e\dm\d(x\d)?")

Known = Callable[[Instruction], object]


def ordered(instruction: Instruction, known: Known, forms: frozenset[str]) -> Instruction:
    """The same instruction in the order that has a rule; as it is where none has.

    `known` finds the rule of an instruction, `forms` are those that are looked up whole.
    """
    modifiers = _ordered(instruction.opcode, instruction.modifiers, known, forms)
    return instruction if modifiers == instruction.modifiers else replace(instruction, modifiers=modifiers)


@cache
def _ordered(opcode: str, modifiers: tuple[str, ...], known: Known, forms: frozenset[str]) -> tuple[str, ...]:
    def has_rule(order: tuple[str, ...]) -> bool:
        return bool(known(Instruction(opcode, order, (), None, 0, None)))

    if len(modifiers) < 2 or has_rule(modifiers):
        return modifiers
    whole = _by_parts(forms).get(_parts(opcode, modifiers))
    if whole is not None:
        return tuple(whole.split(".")[1:])
    types_last = (*(m for m in modifiers if not _TYPE.fullmatch(m)), *(m for m in modifiers if _TYPE.fullmatch(m)))
    return types_last if has_rule(types_last) else modifiers


def _parts(opcode: str, modifiers: tuple[str, ...]) -> tuple[str, ...]:
    """What two spellings of one instruction have in common."""
    types = tuple(m for m in modifiers if _TYPE.fullmatch(m))
    return (opcode, *sorted(m for m in modifiers if not _TYPE.fullmatch(m)), *types)


@cache
def _by_parts(forms: frozenset[str]) -> dict[tuple[str, ...], str]:
    return {_parts(opcode, tuple(modifiers)): form for form in forms for opcode, *modifiers in [form.split(".")]}
