"""Block-wide barriers: bar, barrier with .sync, .red and .arrive (PTX ISA: Parallel Synchronization: bar, barrier).

A warp leaves the barrier's number, its thread count and, for a reduction, its lanes' votes; the scheduler lets the
warps go once all are there and gives each the result, which the node behind the barrier takes.
"""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.effects import reduces_at_barrier
from harness.vgpu.jit.emitter import LANES, llvm_type
from harness.vgpu.jit.masks import Masks
from harness.vgpu.jit.nodes import Graph, Node
from harness.vgpu.layout import offset
from harness.vgpu.ptx.program import Operand, Register

RESULTS = {"popc": "barrier_count", "and": "barrier_all", "or": "barrier_any"}


class Barriers:
    """`reductions` are the nodes behind a bar.red, with the barrier they follow."""

    def __init__(self, c: Context, masks: Masks, graph: Graph) -> None:
        self.c, self.e, self.m = c, c.e, masks
        self.reductions = {
            node.successors[0]: node for node in graph.nodes if node.last and reduces_at_barrier(node.last)
        }

    def announce(self, node: Node) -> None:
        """Leave number, thread count and votes for the scheduler. Raises UnsupportedPtx for forms that do not exist."""
        instruction = node.last
        assert instruction is not None
        operands = list(instruction.operands)
        if reduces_at_barrier(instruction):
            operands = operands[1:]
            self._vote(operands.pop())
        elif "sync" not in instruction.modifiers:
            self.c.unsupported("a barrier of this kind")
        number, threads = self._numbers(operands)
        self._store("announced", number)
        self._store("announced_threads", threads)

    def _numbers(self, operands: list[Operand]) -> tuple[str, str]:
        number = self._of_the_warp(operands[0]) if operands else "0"
        number = self.e.binary("and", "i32", 1, number, "15")  # there are 16
        return number, self._of_the_warp(operands[1]) if len(operands) > 1 else "0"

    def _of_the_warp(self, operand: Operand) -> str:
        """An operand that every lane has alike, though it may be computed from what lanes do not: the first lane's."""
        varies = isinstance(operand, Register) and operand.name in self.c.varying
        if not varies:
            return self.c.get(operand, "i32", lanes=1)
        self.e.declarations["llvm.cttz.i32"] = "declare i32 @llvm.cttz.i32(i32, i1)"
        first = self.e.let(f"call i32 @llvm.cttz.i32(i32 {self.m.bits(self.c.mask)}, i1 true)")
        lanes = self.c.get(operand, "i32", lanes=LANES)
        return self.e.let(f"extractelement {llvm_type('i32', LANES)} {lanes}, i32 {first}")

    def _vote(self, predicate: Operand) -> None:
        """Lanes may come to the barrier in several groups: their votes add up."""
        holds = self.e.binary("and", "i1", LANES, self.c.get(predicate, "i1", lanes=LANES), self.c.mask)
        address = self.e.field("%warp", offset("vgpu_warp", "votes"))
        before = self.e.load("i32", address, 4)
        self.e.store("i32", self.e.binary("or", "i32", 1, before, self.m.bits(holds)), address, 4)

    def take_result(self, node: Node) -> None:
        """At the start of the node behind a bar.red: the result, the same for all threads of the barrier."""
        instruction = self.reductions[node.index].last
        assert instruction is not None
        self.c.prepare(instruction)
        operation = next(m for m in instruction.modifiers if m in RESULTS)
        field = self.e.field("%warp", offset("vgpu_warp", RESULTS[operation]))
        value = self.e.load("i32", field, 4)
        if operation == "popc":
            self.c.put(instruction.operands[0], self.e.broadcast("i32", value), "i32", lanes=LANES)
        else:
            holds = self.e.let(f"icmp ne i32 {value}, 0")
            self.c.put(instruction.operands[0], self.e.broadcast("i1", holds), "i1", lanes=LANES)

    def _store(self, field: str, value: str) -> None:
        self.e.store("i32", value, self.e.field("%warp", offset("vgpu_warp", field)), 4)
