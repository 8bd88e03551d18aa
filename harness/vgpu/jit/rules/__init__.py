"""Instruction semantics as tables by family. What is in no table is an error that names it: nothing is guessed."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from harness.vgpu.jit.rules import (
    arrive,
    asynchronous,
    atomics,
    bits,
    carry,
    compare,
    convert,
    directed,
    extremes,
    floating,
    hints,
    integer,
    integer_more,
    match,
    matrix_memory,
    membership,
    memory,
    mma,
    move,
    packed_atomics,
    packing,
    pairs,
    refused,
    runtime,
    sets,
    short_convert,
    short_floats,
    spaces,
    spelling,
    video,
    warp,
)
from harness.vgpu.jit.rules.rule import Rule, RuleTable
from harness.vgpu.ptx.program import Function, Instruction

RULES: RuleTable = {}
for _family in (
    *(integer, integer_more, carry, bits, compare, floating, directed, short_floats, extremes),
    *(move, spaces, warp, match, video, arrive, pairs, packing),
):
    for _form, _rule in _family.RULES.items():
        assert _form not in RULES, f"two rules for {_form}"
        RULES[_form] = _rule
RULES = membership.checked(RULES)

_FORMS = frozenset(RULES)

FAMILIES = (
    packed_atomics.find,
    atomics.find,
    memory.find,
    convert.find,
    short_convert.find,
    sets.find,
    mma.find,
    matrix_memory.find,
    asynchronous.find,
    hints.find,
    runtime.find,
    refused.find,
)


def find(instruction: Instruction) -> Rule | None:
    """The rule for an instruction: by its whole form, or by a family that takes modifiers apart."""
    rule = RULES.get(instruction.form)
    if rule is not None:
        return rule
    for family in FAMILIES:
        rule = family(instruction)
        if rule is not None:
            return rule
    return None


def ordered(instruction: Instruction) -> Instruction:
    """The instruction with its modifiers in the order that the rules know."""
    return spelling.ordered(instruction, find, _FORMS)


def settled(function: Function) -> Function:
    """The function with all its instructions so."""
    blocks = (replace(block, instructions=tuple(map(ordered, block.instructions))) for block in function.blocks)
    return replace(function, blocks=tuple(blocks))


def fixes_order(instruction: Instruction, used: Container[str]) -> bool:
    """Whether blocks must run one after another for the result to be always the same. `used`: registers read later."""
    plain = hints.stripped(instruction)
    atomic = atomics.shows_order(plain, used) or packed_atomics.shows_order(plain, used)
    return atomic or runtime.writes_output(plain)
