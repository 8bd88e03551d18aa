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
        """Lanes whose members are all here go on; those that are early are parked.

        Lanes may name different masks at one instruction (tiles of a warp): each set goes on when it is complete.
        """
        self.c.prepare(node.body[0])
        position = self.m.pc(node.index)
        here = self.e.let(f"icmp eq {PCS} {self.e.load(PCS, '%pc', 64)}, {position}")
        arrived = self.e.binary("and", "i1", LANES, self.m.get("parked"), here)
        present = self.e.binary("or", "i1", LANES, self.c.mask, arrived)
        going = self._complete(node, present)
        early = self.m.and_not(present, going)
        self.m.set_pcs(early, position)
        others = self.m.and_not(self.m.get("parked"), present)
        self.m.set("parked", self.e.binary("or", "i1", LANES, others, early))
        self.m.set("mask", going)
        go, park = self.e.name("met"), self.e.name("park")
        nobody = self.e.let(f"icmp eq i32 {self.m.bits(going)}, 0")
        self.e.do(f"br i1 {nobody}, label %{park}, label %{go}")
        self.e.label(park)
        self.m.dispatch()
        self.e.label(go)
        self.c.mask = going

    def _complete(self, node: Node, present: str) -> str:
        """The lanes of which no live member is missing; all, where the dispatch has found that nobody else comes."""
        members = self.c.get(node.body[0].operands[-1], "i32", lanes=LANES)
        absent = self.m.bits(self.m.and_not(self.m.get("live"), present))
        missing = self.e.binary("and", "i32", LANES, members, self.e.broadcast("i32", absent))
        complete = self.e.let(f"icmp eq {PCS} {missing}, {splat('i32', 0, LANES)}")
        forced = self.e.broadcast("i1", self.e.load("i1", "%forced", 1))
        self.e.store("i1", "false", "%forced", 1)
        allowed = self.e.binary("or", "i1", LANES, complete, forced)
        return self.e.binary("and", "i1", LANES, present, allowed)
