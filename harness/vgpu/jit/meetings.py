"""Lanes of a warp that wait for each other: shfl.sync, vote.sync, bar.warp.sync, … where lanes can be apart.

PTX ISA: the executing thread waits until all non-exited threads of the member mask have executed the instruction with
the same mask.
"""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import LANES, splat
from harness.vgpu.jit.masks import PCS, Masks
from harness.vgpu.jit.nodes import Node


class Meetings:
    """Emits the start of nodes that begin with such an instruction."""

    def __init__(self, c: Context, masks: Masks) -> None:
        self.c, self.e, self.m = c, c.e, masks

    def meet(self, node: Node) -> None:
        """Go on once all live lanes of the member mask are here; park those that are early."""
        self.c.prepare(node.body[0])
        position = self.m.pc(node.index)
        here = self.e.let(f"icmp eq {PCS} {self.e.load(PCS, '%pc', 64)}, {position}")
        arrived = self.e.binary("and", "i1", LANES, self.m.get("parked"), here)
        mask = self.e.binary("or", "i1", LANES, self.c.mask, arrived)
        self.m.set("mask", mask)
        self.m.set("parked", self.m.and_not(self.m.get("parked"), mask))
        go, park = self.e.name("met"), self.e.name("park")
        self.e.do(f"br i1 {self._complete(node, mask)}, label %{go}, label %{park}")
        self.e.label(park)
        self.m.set_pcs(mask, position)
        self.m.set("parked", self.e.binary("or", "i1", LANES, self.m.get("parked"), mask))
        self.m.dispatch()
        self.e.label(go)
        self.c.mask = mask

    def _complete(self, node: Node, mask: str) -> str:
        """Whether no live member is missing, or the dispatch has found that it never comes."""
        members = self.c.get(node.body[0].operands[-1], "i32", lanes=LANES)
        named = self.e.select(mask, "i32", LANES, members, splat("i32", 0, LANES))
        wanted = self.e.binary("and", "i32", 1, self.e.reduce("or", "i32", named), self.m.bits(self.m.get("live")))
        absent = self.e.binary("and", "i32", 1, wanted, self.e.binary("xor", "i32", 1, self.m.bits(mask), "-1"))
        forced = self.e.load("i1", "%forced", 1)
        self.e.store("i1", "false", "%forced", 1)
        return self.e.binary("or", "i1", 1, self.e.let(f"icmp eq i32 {absent}, 0"), forced)
