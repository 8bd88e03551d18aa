"""Lanes that execute an instruction whose member mask does not name them. In a checked launch that is a fault: the PTX
ISA leaves open what shfl.sync, vote.sync, match.sync, redux.sync, elect.sync and bar.warp.sync then do.
"""

from __future__ import annotations

from dataclasses import replace

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import LANES, constant_vector, splat
from harness.vgpu.jit.rules.rule import Rule, RuleTable
from harness.vgpu.jit.rules.warp import VECTOR, active, members
from harness.vgpu.layout import offset

MEMBER_KIND = 7  # FAULT_MEMBER in run/fault.h
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
    bits = c.e.bitcast("<32 x i1>", c.e.binary("and", "i1", LANES, active(c), unnamed), "i32")
    some = c.e.let(f"icmp ne i32 {bits}, 0")
    is_checked = c.e.load("i32", c.e.field("%launch", offset("vgpu_launch", "checked")), 4)
    looked_at = c.e.let(f"icmp ne i32 {is_checked}, 0")
    bad, fine = c.e.name("unnamed"), c.e.name("named")
    c.e.do(f"br i1 {c.e.binary('and', 'i1', 1, some, looked_at)}, label %{bad}, label %{fine}")
    c.e.label(bad)
    helpers = c.e.load("ptr", c.e.field("%launch", offset("vgpu_launch", "helpers")), 8)
    function = c.e.load("ptr", c.e.field(helpers, offset("vgpu_helpers", "trap")), 8)
    c.e.do(f"call i32 {function}(ptr %warp, i32 {bits}, i32 {MEMBER_KIND}, i32 {c.instruction.line})")
    c.e.do("br label %fault")
    c.e.label(fine)
