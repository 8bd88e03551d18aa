"""Lanes that execute an instruction whose member mask does not name them. In a checked launch that is a fault: the PTX
ISA leaves open what shfl.sync, vote.sync, match.sync, redux.sync, elect.sync and bar.warp.sync then do.
"""

from __future__ import annotations

from dataclasses import replace

from harness.vgpu.jit import faults
from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import LANES, constant_vector, splat
from harness.vgpu.jit.rules.rule import Rule, RuleTable
from harness.vgpu.jit.rules.warp import VECTOR, active, members
from harness.vgpu.layout import offset

_INSTRUCTIONS = {"shfl", "vote", "match", "redux", "elect", "bar"}
_BITS = constant_vector("i32", [1 << lane if lane < LANES - 1 else -(1 << lane) for lane in range(LANES)])


def checked(rules: RuleTable) -> RuleTable:
    """The same rules; those of instructions with a member mask look at it first."""
    return {form: _checked(rule) if _has_mask(form) else rule for form, rule in rules.items()}


def _has_mask(form: str) -> bool:
    head, *modifiers = form.split(".")
    return head in _INSTRUCTIONS and "sync" in modifiers and (head != "bar" or "warp" in modifiers)


def _checked(rule: Rule) -> Rule:
    def lower(c: Context) -> None:
        _require_named(c)
        rule.lower(c)

    return replace(rule, lower=lower)


def _require_named(c: Context) -> None:
    own = members(c)
    if own is None:
        return
    bit = c.e.binary("and", "i32", LANES, own, _BITS)
    unnamed = c.e.let(f"icmp eq {VECTOR} {bit}, {splat('i32', 0, LANES)}")
    is_checked = c.e.load("i32", c.e.field("%launch", offset("vgpu_launch", "checked")), 4)
    looked_at = c.e.broadcast("i1", c.e.let(f"icmp ne i32 {is_checked}, 0"))
    lanes = c.e.binary("and", "i1", LANES, active(c), unnamed)
    faults.fault_if(c, c.e.binary("and", "i1", LANES, lanes, looked_at), faults.MEMBER)
