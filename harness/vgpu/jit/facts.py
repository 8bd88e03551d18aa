"""What a warp does each time that it runs a node: the facts that turn counts of nodes into counters.

In: a node of the graph. Out: `Facts`: its instructions by class and by source line, tensor flops, barriers, and the
rounds of global loads that it has to wait for.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from harness.vgpu.jit import rules
from harness.vgpu.jit.effects import read, written
from harness.vgpu.jit.nodes import Node, is_barrier
from harness.vgpu.jit.rules import mma
from harness.vgpu.ptx.program import Instruction, SourceLine


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one run of one node."""

    instructions: dict[str, int]  # by class
    lines: dict[SourceLine | None, int]  # instructions by source line
    tensor_flops: dict[str, int]  # by type of the factors
    barriers: int
    load_rounds: int
    branch: SourceLine | None  # the line of its last instruction
    branches: bool  # whether lanes may part there


def of(node: Node) -> Facts:
    everything = [*node.body, *([node.last] if node.last else [])]
    flops: Counter[str] = Counter()
    for instruction in node.body:
        if form := mma.parse(instruction):
            flops[form.a] += form.flops
    return Facts(
        instructions=dict(Counter(_kind(instruction) for instruction in everything)),
        lines=dict(Counter(instruction.source for instruction in everything)),
        tensor_flops=dict(flops),
        barriers=int(node.is_barrier),
        load_rounds=load_rounds(node.body),
        branch=node.last.source if node.last else None,
        branches=node.last is not None and _may_part(node, node.last),
    )


def load_rounds(body: tuple[Instruction, ...]) -> int:
    """The longest chain of loads from global memory of which each needs the result of the one before.

    Loads that do not depend on each other are on their way together: ptxas moves them up within a basic block.
    """
    depth: dict[str, int] = {}
    longest = 0
    for instruction in body:
        behind = max((depth.get(name, 0) for name in read(instruction)), default=0)
        if _waits_for_memory(instruction):
            behind += 1
            longest = max(longest, behind)
        for name in written(instruction):
            depth[name] = behind
    return longest


def _waits_for_memory(instruction: Instruction) -> bool:
    if instruction.opcode in ("ld", "ldu", "atom"):
        return {"shared", "shared::cta", "local", "const", "param", "param::entry"}.isdisjoint(instruction.modifiers)
    return instruction.opcode == "cp" and "global" in instruction.modifiers


def _kind(instruction: Instruction) -> str:
    if is_barrier(instruction):
        return "barrier"
    rule = rules.find(instruction)
    return rule.kind if rule else "control"


def _may_part(node: Node, last: Instruction) -> bool:
    """A branch with two targets or more, or an exit that some lanes may not take."""
    if last.opcode in ("bra", "brx"):
        return node.is_branch
    return last.opcode in ("ret", "exit") and last.guard is not None
