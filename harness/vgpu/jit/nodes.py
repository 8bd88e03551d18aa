"""The control-flow graph that is lowered: the blocks of a kernel and of the functions it calls, split further.

A node ends behind a block-wide barrier (where a warp's code returns to the scheduler) and behind a call of a device
function, and behind an instruction that waits for other lanes of the warp, where lanes can be apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.vgpu.jit.effects import CONTROL
from harness.vgpu.ptx.program import Function, Group, Guard, Instruction, Symbol


@dataclass(frozen=True, slots=True)
class Node:
    """`body` runs straight through; then `last` (a control transfer, a barrier, a call, or None to fall through).

    `successors` are nodes of the same function: of a call, the node that it returns to.
    """

    index: int
    function: Function
    body: tuple[Instruction, ...]
    last: Instruction | None
    successors: tuple[int, ...]
    meets: bool = False  # its body ends with an instruction that waits for other lanes of the warp

    @property
    def is_barrier(self) -> bool:
        return self.last is not None and is_barrier(self.last)

    @property
    def is_call(self) -> bool:
        return self.last is not None and self.last.opcode == "call"

    @property
    def is_branch(self) -> bool:
        """Whether lanes may leave in different directions."""
        return len(set(self.successors)) > 1


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes of the kernel first, its entry at 0; `entry` gives the first node of each function."""

    nodes: tuple[Node, ...]
    kernel_nodes: int
    entry: dict[str, int]


def is_barrier(instruction: Instruction) -> bool:
    """A block-wide barrier that the warp waits at."""
    if instruction.opcode not in ("bar", "barrier") or "warp" in instruction.modifiers:
        return False
    return "arrive" not in instruction.modifiers and "cluster" not in instruction.modifiers


def waits_for_lanes(instruction: Instruction) -> bool:
    """Whether lanes named in the member mask have to arrive first (`*.sync` within a warp)."""
    if instruction.opcode in ("bar", "barrier"):
        return "warp" in instruction.modifiers
    return instruction.opcode in ("shfl", "vote", "match", "redux", "elect") and "sync" in instruction.modifiers


def may_spin(instruction: Instruction) -> bool:
    """Whether a loop around this instruction may wait for another thread."""
    if instruction.opcode in ("atom", "nanosleep"):
        return True
    if instruction.opcode == "mbarrier":
        return bool({"test_wait", "try_wait"} & set(instruction.modifiers))
    return instruction.opcode == "ld" and bool({"volatile", "relaxed", "acquire", "mmio"} & set(instruction.modifiers))


def build(kernel: Function, functions: list[Function]) -> Graph:
    """`functions` are those that the kernel may call."""
    defined = {f.name for f in functions}
    nodes: list[Node] = []
    entry: dict[str, int] = {}
    kernel_nodes = 0
    for function in (kernel, *functions):
        entry[function.name] = len(nodes)
        nodes += _nodes_of(function, len(nodes), defined)
        kernel_nodes = kernel_nodes or len(nodes)
    return Graph(tuple(nodes), kernel_nodes, entry)


def split(graph: Graph, waiting: frozenset[int]) -> Graph:
    """End a node behind each instruction of `waiting` (by identity): it waits for other lanes there."""
    pieces = [_cut(node.body, waiting) for node in graph.nodes]
    first, total = [], 0
    for parts in pieces:
        first.append(total)
        total += len(parts)
    nodes = []
    for node, parts in zip(graph.nodes, pieces, strict=True):
        for number, part in enumerate(parts):
            index, ends = first[node.index] + number, number == len(parts) - 1
            successors = tuple(first[s] for s in node.successors) if ends else (index + 1,)
            nodes.append(Node(index, node.function, part, node.last if ends else None, successors, not ends))
    kernel_nodes = first[graph.kernel_nodes] if graph.kernel_nodes < len(first) else total
    return Graph(tuple(nodes), kernel_nodes, {name: first[index] for name, index in graph.entry.items()})


def _cut(body: tuple[Instruction, ...], waiting: frozenset[int]) -> list[tuple[Instruction, ...]]:
    """The last part, perhaps empty, is where lanes go on that have waited."""
    ends = [position + 1 for position, instruction in enumerate(body) if id(instruction) in waiting]
    return [body[start:end] for start, end in zip([0, *ends], [*ends, len(body)], strict=True)]


def _nodes_of(function: Function, start: int, defined: set[str]) -> list[Node]:
    pieces = [_split(block.instructions, defined) for block in function.blocks]
    first, total = [], start
    for parts in pieces:
        first.append(total)
        total += len(parts)
    nodes = []
    for block, parts in zip(function.blocks, pieces, strict=True):
        for number, part in enumerate(parts):
            index = first[block.index] + number
            ends_block = number == len(parts) - 1
            last = part[-1] if part and _ends_node(part[-1], defined) else None
            if ends_block:
                successors = tuple(first[s] for s in block.successors)
            else:
                successors = (index + 3, index + 1) if last and last.opcode == "bra" else (index + 1,)
            nodes.append(Node(index, function, part[: len(part) - (last is not None)], last, successors))
    return nodes


def _ends_node(instruction: Instruction, defined: set[str]) -> bool:
    return instruction.opcode in CONTROL or is_barrier(instruction) or _is_call(instruction, defined)


def _is_call(instruction: Instruction, defined: set[str]) -> bool:
    """A call of PTX code; what the runtime provides (vprintf, malloc, …) is an instruction like others."""
    if instruction.opcode != "call":
        return False
    target = instruction.operands[1]
    return not isinstance(target, Symbol) or target.name in defined


def _split(instructions: tuple[Instruction, ...], defined: set[str]) -> list[tuple[Instruction, ...]]:
    """Cut behind barriers and calls. One with a guard becomes three nodes: a branch around it, itself, and an empty
    one, so that only lanes that were there take its results."""
    parts, start = [], 0
    for position, instruction in enumerate(instructions):
        if not (is_barrier(instruction) or _is_call(instruction, defined)):
            continue
        if instruction.guard is None:
            parts.append(instructions[start : position + 1])
        else:
            around = Guard(instruction.guard.register, not instruction.guard.negated)
            skip = Instruction("bra", (), (), around, instruction.line, instruction.source)
            parts += [(*instructions[start:position], skip), (replace(instruction, guard=None),), ()]
        start = position + 1
    parts.append(instructions[start:])  # perhaps empty: where a barrier or call at the end of a block goes on
    return parts


def arguments(call: Instruction) -> tuple[Group, Group]:
    """Return and argument lists of a call."""
    returns, _, passed, *_ = call.operands
    assert isinstance(returns, Group)
    assert isinstance(passed, Group)
    return returns, passed
