"""Ends a warp in a fault that no access helper sees: a trap, a full stack, a wrong member mask.

In: the lanes that are at fault, and the kind. Out: code that records it, with the instruction's line, and leaves.
"""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.layout import offset

TRAP, STACK, MEMBER = 4, 6, 7  # FAULT_TRAP, FAULT_STACK, FAULT_MEMBER in run/fault.h


def fault_if(c: Context, lanes: str, kind: int) -> None:
    """End the warp in a fault of this kind where one of these lanes is there."""
    bits = c.e.bitcast("<32 x i1>", lanes, "i32")
    nobody = c.e.let(f"icmp eq i32 {bits}, 0")
    fine, bad = c.e.name("fine"), c.e.name("bad")
    c.e.do(f"br i1 {nobody}, label %{fine}, label %{bad}")
    c.e.label(bad)
    helpers = c.e.load("ptr", c.e.field("%launch", offset("vgpu_launch", "helpers")), 8)
    function = c.e.load("ptr", c.e.field(helpers, offset("vgpu_helpers", "trap")), 8)
    c.e.do(f"call i32 {function}(ptr %warp, i32 {bits}, i32 {kind}, i32 {c.instruction.line})")
    c.e.do("br label %fault")
    c.e.label(fine)
