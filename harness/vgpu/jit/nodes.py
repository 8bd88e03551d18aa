"""The control-flow graph that is lowered: the program's blocks, split behind every barrier.

A barrier is where a warp's code returns to the scheduler, so it ends a node.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.vgpu.errors import UnsupportedPtx
from harness.vgpu.jit.effects import CONTROL
from harness.vgpu.ptx.program import Function, Instruction


@dataclass(frozen=True, slots=True)
class Node:
    """`body` runs straight through; then `last` (a control transfer, a barrier, or None to fall through)."""

    index: int
    body: tuple[Instruction, ...]
    last: Instruction | None
    successors: tuple[int, ...]

    @property
    def is_barrier(self) -> bool:
        return self.last is not None and is_barrier(self.last)

    @property
    def is_branch(self) -> bool:
        """Whether lanes may leave in different directions."""
        return len(set(self.successors)) > 1


def is_barrier(instruction: Instruction) -> bool:
    """A block-wide barrier; `bar.warp.sync` is none, a warp here is always in step."""
    return instruction.opcode in ("bar", "barrier") and "warp" not in instruction.modifiers


def build(function: Function) -> list[Node]:
    """Nodes in program order; node 0 is the entry. Raises UnsupportedPtx for a guarded barrier."""
    pieces: list[list[tuple[Instruction, ...]]] = []
    for block in function.blocks:
        pieces.append(_split(function, block.instructions))
    first, total = [], 0
    for parts in pieces:
        first.append(total)
        total += len(parts)
    nodes = []
    for block, parts in zip(function.blocks, pieces, strict=True):
        for number, part in enumerate(parts):
            index = first[block.index] + number
            ends_block = number == len(parts) - 1
            successors = tuple(first[s] for s in block.successors) if ends_block else (index + 1,)
            last = part[-1] if part and (part[-1].opcode in CONTROL or is_barrier(part[-1])) else None
            nodes.append(Node(index, part[: len(part) - (last is not None)], last, successors))
    return nodes


def _split(function: Function, instructions: tuple[Instruction, ...]) -> list[tuple[Instruction, ...]]:
    parts, start = [], 0
    for position, instruction in enumerate(instructions):
        if not is_barrier(instruction):
            continue
        if instruction.guard:
            raise UnsupportedPtx(f"line {instruction.line}: a guarded {instruction.form} in {function.name}")
        parts.append(instructions[start : position + 1])
        start = position + 1
    parts.append(instructions[start:])
    return parts
