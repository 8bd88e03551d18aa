"""Instruction semantics as tables by family. What is in no table is an error that names it: nothing is guessed."""

from __future__ import annotations

from harness.vgpu.jit.rules import (
    compare,
    convert,
    extremes,
    floating,
    integer,
    matrix_memory,
    memory,
    mma,
    move,
    runtime,
    sets,
    short_convert,
    short_floats,
    warp,
)
from harness.vgpu.jit.rules.rule import Rule, RuleTable
from harness.vgpu.ptx.program import Instruction

RULES: RuleTable = {}
for _family in (integer, compare, floating, short_floats, extremes, move, warp):
    for _form, _rule in _family.RULES.items():
        assert _form not in RULES, f"two rules for {_form}"
        RULES[_form] = _rule

_FAMILIES = (memory.find, convert.find, short_convert.find, sets.find, mma.find, matrix_memory.find, runtime.find)


def find(instruction: Instruction) -> Rule | None:
    """The rule for an instruction: by its whole form, or by a family that takes modifiers apart."""
    rule = RULES.get(instruction.form)
    if rule is not None:
        return rule
    for family in _FAMILIES:
        rule = family(instruction)
        if rule is not None:
            return rule
    return None


def fixes_order(instruction: Instruction) -> bool:
    """Whether blocks must run one after another for the result to be always the same."""
    return runtime.writes_output(instruction) or memory.adds_floats(instruction)
