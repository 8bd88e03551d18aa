"""bar.arrive, barrier.arrive: counts for a barrier without waiting at it (PTX ISA: bar, barrier)."""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import LANES
from harness.vgpu.jit.rules.rule import Rule, RuleTable
from harness.vgpu.layout import offset
from harness.vgpu.ptx.program import Integer, Register

SECTION = "Parallel Synchronization and Communication Instructions: bar, barrier"
BARRIERS = 16


def _arrive(c: Context) -> None:
    """The lanes that arrive are added to the barrier's count in the block."""
    number, *_ = c.instruction.operands
    varies = isinstance(number, Register) and number.name in c.varying
    if varies or not isinstance(number, (Integer, Register)):
        c.unsupported("a barrier whose number differs between lanes")
    mask = c.mask
    if c.guard is not None:
        guard = c.guard if c.guard_lanes == LANES else c.e.broadcast("i1", c.guard)
        mask = c.e.binary("and", "i1", LANES, mask, guard)
    lanes = c.e.intrinsic("ctpop", "i32", 1, c.e.bitcast("<32 x i1>", mask, "i32"))
    table = c.e.load("ptr", c.e.field("%warp", offset("vgpu_warp", "arrivals")), 8)
    index = c.e.binary("and", "i32", 1, c.get(number, "i32", lanes=1), str(BARRIERS - 1))
    slot = c.e.let(f"getelementptr i32, ptr {table}, i32 {index}")
    c.e.store("i32", c.e.binary("add", "i32", 1, c.e.load("i32", slot, 4), lanes), slot, 4)


RULES: RuleTable = {
    form: Rule(_arrive, SECTION, "barrier")
    for form in ("bar.arrive", "bar.cta.arrive", "barrier.arrive", "barrier.arrive.aligned", "barrier.cta.arrive",
                 "barrier.cta.arrive.aligned")
}  # fmt: skip
