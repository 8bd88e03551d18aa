"""Counting in compiled code: how often a warp runs each node, with how many lanes, and where they part.

Only code that counts has any of this; other launches run code without it.
"""

from __future__ import annotations

from harness.vgpu.jit.emitter import Emitter
from harness.vgpu.jit.masks import MASK, PCS
from harness.vgpu.jit.nodes import Node
from harness.vgpu.layout import ffi, offset


class Counting:
    """`on` is whether this code counts; where it does not, nothing is emitted."""

    def __init__(self, e: Emitter, on: bool) -> None:
        self.e, self.on = e, on

    def run(self, node: Node, mask: str) -> None:
        """The warp runs a node with the lanes of `mask`."""
        if not self.on:
            return
        bits = self.e.bitcast(MASK, mask, "i32")
        lanes = self.e.cast("zext", "i32", 1, self.e.intrinsic("ctpop", "i32", 1, bits), "i64")
        self._add(node, "times", "1")
        self._add(node, "lanes", lanes)

    def parted(self, node: Node) -> None:
        """Here lanes go different ways."""
        if self.on:
            self._add(node, "parted", "1")

    def parted_if(self, node: Node, condition: str) -> None:
        if self.on:
            self._add(node, "parted", self.e.cast("zext", "i1", 1, condition, "i64"))

    def parted_by_guard(self, node: Node, mask: str, going: str) -> None:
        """Some lanes of `mask`, but not all, are in `going`, a part of it."""
        if not self.on:
            return
        bits, taken = (self.e.bitcast(MASK, lanes, "i32") for lanes in (mask, going))
        some, others = self.e.let(f"icmp ne i32 {taken}, 0"), self.e.let(f"icmp ne i32 {taken}, {bits}")
        self.parted_if(node, self.e.binary("and", "i1", 1, some, others))

    def parted_by_target(self, node: Node, mask: str, pcs: str) -> None:
        """The lanes of `mask` do not all have the same next position."""
        if not self.on:
            return
        bits = self.e.bitcast(MASK, mask, "i32")
        first = self.e.intrinsic("cttz", "i32", 1, bits, extra="true")
        target = self.e.broadcast("i32", self.e.let(f"extractelement {PCS} {pcs}, i32 {first}"))
        same = self.e.bitcast(MASK, self.e.let(f"icmp eq {PCS} {pcs}, {target}"), "i32")
        others = self.e.binary("and", "i32", 1, bits, self.e.binary("xor", "i32", 1, same, "-1"))
        self.parted_if(node, self.e.let(f"icmp ne i32 {others}, 0"))

    def _add(self, node: Node, field: str, value: str) -> None:
        counts = self.e.load("ptr", self.e.field("%warp", offset("vgpu_warp", "node_counts")), 8)
        size = ffi.sizeof("vgpu_node_count")
        address = self.e.field(counts, size * node.index + offset("vgpu_node_count", field))
        self.e.store("i64", self.e.binary("add", "i64", 1, self.e.load("i64", address, 8), value), address, 8)
