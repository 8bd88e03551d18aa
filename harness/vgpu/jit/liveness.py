"""Which registers still matter at the start of each node: what a barrier must save, and what masks must keep."""

from __future__ import annotations

from harness.vgpu.jit.effects import read, written
from harness.vgpu.jit.nodes import Node


def live_in(nodes: list[Node]) -> list[set[str]]:
    """Per node, the registers whose value at its start is read later. A guarded write does not end a life."""
    uses: list[set[str]] = []
    kills: list[set[str]] = []
    for node in nodes:
        used: set[str] = set()
        killed: set[str] = set()
        for instruction in (*node.body, node.last):
            if instruction is None:
                continue
            used |= read(instruction) - killed
            if instruction.guard:
                used |= written(instruction) - killed
            else:
                killed |= written(instruction)
        uses.append(used)
        kills.append(killed)
    live: list[set[str]] = [set(used) for used in uses]
    changed = True
    while changed:
        changed = False
        for node in reversed(nodes):
            after = set().union(*(live[s] for s in node.successors)) if node.successors else set()
            new = uses[node.index] | (after - kills[node.index])
            if new != live[node.index]:
                live[node.index], changed = new, True
    return live
