"""Registers that only ever hold one number, put in place as that number.

nvcc writes shuffle distances and masks to registers first; the rules need to see them as constants.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from harness.vgpu.jit.effects import destinations, written
from harness.vgpu.jit.nodes import Graph, Node
from harness.vgpu.ptx.program import Instruction, Integer, Operand, Register


def propagate(graph: Graph) -> Graph:
    """The same nodes, with integer constants in the place of the registers that hold them."""
    known = _known(graph.nodes)
    if not known:
        return graph
    nodes = tuple(
        replace(node, body=tuple(_replace(i, known) for i in node.body), last=node.last and _replace(node.last, known))
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes)


def _known(nodes: tuple[Node, ...]) -> dict[str, Integer]:
    definitions: Counter[str] = Counter()
    values: dict[str, Integer] = {}
    for node in nodes:
        for instruction in (*node.body, node.last):
            if instruction is None:
                continue
            definitions.update(written(instruction))
            match instruction:
                case Instruction(opcode="mov", operands=(Register(name), Integer() as value), guard=None):
                    values[name] = value
    return {name: value for name, value in values.items() if definitions[name] == 1}


def _replace(instruction: Instruction, known: dict[str, Integer]) -> Instruction:
    first = len(destinations(instruction))
    operands: list[Operand] = list(instruction.operands)
    for position in range(first, len(operands)):
        operand = operands[position]
        if isinstance(operand, Register) and operand.name in known:
            operands[position] = known[operand.name]
    return instruction if tuple(operands) == instruction.operands else replace(instruction, operands=tuple(operands))
