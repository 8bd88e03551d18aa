"""Instructions that change no result here: prefetches, cache policies, fences; and hints on loads and stores.

Blocks of a launch run to their end before the next launch starts, a thread's accesses are in program order, and there
are no caches: so fences only stop the compiler, and the rest is nothing.
"""

from __future__ import annotations

from dataclasses import replace

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import splat
from harness.vgpu.jit.rules import atomics, memory, packed_atomics
from harness.vgpu.jit.rules.rule import Lower, Rule
from harness.vgpu.ptx.program import Instruction

CACHE = "Data Movement and Conversion Instructions: prefetch, createpolicy, applypriority, discard"
FENCE = "Parallel Synchronization and Communication Instructions: membar, fence"
MISCELLANEOUS = "Miscellaneous Instructions; Parallel Synchronization: griddepcontrol"
LOAD_HINTS = frozenset("unified L2::cache_hint L2::evict_normal L2::evict_first L2::evict_last".split())
# modifiers that a form without effect may have; an opcode that is not here has an effect
NOTHING = {
    "prefetch": "global local L1 L2 L2::evict_last L2::evict_normal", "prefetchu": "L1",
    "applypriority": "global L2::evict_normal", "discard": "global L2 128", "griddepcontrol": "launch_dependents wait",
    "setmaxnreg": "inc dec sync aligned u32", "pmevent": "mask",
}  # fmt: skip
FENCES = frozenset(
    "acq_rel acquire release sc cta cluster gpu sys gl proxy alias async generic global shared shared::cta "
    "shared::cluster mbarrier_init sync_restrict::shared::cta sync_restrict::shared::cluster async::global "
    "async::shared::cta async::shared::cluster".split()
)


def find(instruction: Instruction) -> Rule | None:
    """The rule of one of these, or None."""
    modifiers = set(instruction.modifiers)
    if instruction.opcode in ("ld", "ldu", "st", "atom", "red") and modifiers & LOAD_HINTS:
        return _without_hints(instruction)
    if instruction.opcode in NOTHING and modifiers <= set(NOTHING[instruction.opcode].split()):
        return Rule(_nothing, CACHE if instruction.opcode[0] in "pad" else MISCELLANEOUS, "other")
    if instruction.opcode == "createpolicy":
        return Rule(_policy, CACHE, "other")
    if instruction.opcode in ("fence", "membar") and modifiers <= FENCES:
        return Rule(_fence, FENCE, "other")
    return None


def stripped(instruction: Instruction) -> Instruction:
    """The instruction without hints; a cache policy, its last operand, goes with its hint."""
    if instruction.opcode not in ("ld", "ldu", "st", "atom", "red") or not LOAD_HINTS & set(instruction.modifiers):
        return instruction
    operands = instruction.operands[:-1] if "L2::cache_hint" in instruction.modifiers else instruction.operands
    kept = tuple(m for m in instruction.modifiers if m not in LOAD_HINTS)
    return replace(instruction, modifiers=kept, operands=operands)


def _without_hints(instruction: Instruction) -> Rule | None:
    plain = stripped(instruction)
    rule = memory.find(plain) or atomics.find(plain) or packed_atomics.find(plain)
    return replace(rule, lower=_instead(rule.lower)) if rule else None


def _instead(lower: Lower) -> Lower:
    def run(c: Context) -> None:
        whole = c.instruction
        c.instruction = stripped(whole)
        lower(c)
        c.instruction = whole

    return run


def _nothing(c: Context) -> None:
    """A hint, or an order that holds anyway."""


def _policy(c: Context) -> None:
    """A policy is opaque; there is one."""
    c.put(c.instruction.operands[0], splat("i64", 0, c.lanes), "i64")


def _fence(c: Context) -> None:
    c.e.do("fence seq_cst")
