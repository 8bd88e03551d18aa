"""Where the lanes of a warp can part, and which values are the same in all of them.

A node is *uniform* when every live lane is always there together: outside all regions between a divergent branch
and its immediate post-dominator. Lanes that stand at a block-wide barrier in such a region do not hold up those that
have left it (PTX ISA: a barrier counts threads), so there the region has no end. A register is *uniform* when all its
definitions stand in uniform nodes and depend on nothing that differs between lanes: it is kept as one scalar.

Reconvergence rests on the order of nodes: of the lanes that wait, those at the lowest position run first. The
order puts a branch's post-dominator behind every node of its region, so the lanes meet there. Where no such order
exists (irreducible control flow), every node is taken for divergent, which is always right.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from harness.vgpu.jit.effects import is_lane_dependent, read, written
from harness.vgpu.jit.nodes import Graph, Node, may_spin


@dataclass(frozen=True, slots=True)
class Divergence:
    """`position[node]` is its place in the order; the sets hold node indices and register names.

    `spins`: some loop may wait for another thread. Then lanes that wait must not keep others from running, so no
    node is taken for uniform, and loops give other lanes, warps and blocks their turn.
    """

    position: tuple[int, ...]
    uniform_nodes: frozenset[int]
    varying: frozenset[str]
    spins: bool


def analyse(graph: Graph) -> Divergence:
    """Functions other than the kernel are taken for divergent; they come before it, callees before callers, so that
    all lanes are back from a call before any goes on behind it."""
    nodes = list(graph.nodes[: graph.kernel_nodes])
    others = graph.nodes[graph.kernel_nodes :]
    barrier_in_function = any(node.is_barrier for node in others)
    varying, regions, post_dominators = _regions(nodes, barrier_in_function)
    varying |= {name for node in others for i in (*node.body, node.last) if i for name in written(i)}
    spins = _has_waiting_loop(graph)
    order = None if spins else _order(nodes, regions, post_dominators)
    if order is None:
        everything = [i for node in graph.nodes for i in (*node.body, node.last) if i]
        varying = {name for instruction in everything for name in written(instruction)}
        order, uniform = _depth_first(nodes), frozenset[int]()
    else:
        uniform = frozenset(range(len(nodes))) - _apart(nodes, regions, barrier_in_function)
    position = [0] * len(graph.nodes)
    for place, index in enumerate([*(node.index for node in others), *order]):
        position[index] = place
    return Divergence(tuple(position), uniform, frozenset(varying), spins)


def _regions(nodes: list[Node], barrier_in_function: bool) -> tuple[set[str], dict[int, set[int]], list[int | None]]:
    """Fixed point: varying registers make divergent branches, whose regions make varying registers."""
    post_dominators = _immediate_post_dominators(nodes)
    varying: set[str] = set()
    regions: dict[int, set[int]] = {}
    while True:
        before = (len(varying), len(regions))
        inside = _apart(nodes, regions, barrier_in_function)
        for node in nodes:
            for instruction in (*node.body, node.last):
                if instruction is None:
                    continue
                lanes_differ = is_lane_dependent(instruction) or not read(instruction).isdisjoint(varying)
                if node.index in inside or lanes_differ:
                    varying |= written(instruction)
            if node.is_branch and node.last and not read(node.last).isdisjoint(varying):
                regions[node.index] = _region(nodes, node, post_dominators[node.index])
        if (len(varying), len(regions)) == before:
            return varying, regions, post_dominators


def _apart(nodes: list[Node], regions: dict[int, set[int]], barrier_in_function: bool) -> set[int]:
    """Nodes where some live lanes may be while others are elsewhere."""
    found: set[int] = set()
    for branch, region in regions.items():
        waits = any(nodes[i].is_barrier or (nodes[i].is_call and barrier_in_function) for i in region)
        found |= _region(nodes, nodes[branch], None) if waits else region
    if barrier_in_function:
        for node in nodes:
            if node.is_call:
                found |= _region(nodes, node, None)
    return found


def _has_waiting_loop(graph: Graph) -> bool:
    """Whether an instruction that may wait for another thread lies on a cycle."""
    for node in graph.nodes:
        if not any(may_spin(i) for i in node.body):
            continue
        if node.index >= graph.kernel_nodes:
            return True  # its callers may loop around it
        found: set[int] = set()
        pending = list(node.successors)
        while pending:
            index = pending.pop()
            if index not in found:
                found.add(index)
                pending.extend(graph.nodes[index].successors)
        if node.index in found:
            return True
    return False


def _depth_first(nodes: list[Node]) -> list[int]:
    """Reverse postorder: a good order where none is prescribed."""
    seen, postorder = {0}, []
    stack = [(0, iter(nodes[0].successors))]
    while stack:
        index, successors = stack[-1]
        target = next((s for s in successors if s not in seen), None)
        if target is None:
            postorder.append(index)
            stack.pop()
        else:
            seen.add(target)
            stack.append((target, iter(nodes[target].successors)))
    rest = [node.index for node in nodes if node.index not in seen]
    return postorder[::-1] + rest


def _immediate_post_dominators(nodes: list[Node]) -> list[int | None]:
    """The nearest node that every path to the exit goes through; None is the exit itself."""
    everything = (1 << (len(nodes) + 1)) - 1
    leave = len(nodes)
    sets = [everything] * len(nodes) + [1 << leave]
    reaches_exit = _reaching_exit(nodes)
    changed = True
    while changed:
        changed = False
        for node in reversed(nodes):
            meet = everything
            for successor in node.successors or (leave,):
                meet &= sets[successor]
            if node.index not in reaches_exit:
                meet &= sets[leave]  # an endless loop: nothing in it post-dominates anything
            new = meet | 1 << node.index
            if new != sets[node.index]:
                sets[node.index], changed = new, True
    result: list[int | None] = []
    for node in nodes:
        candidates = [i for i in range(len(nodes)) if i != node.index and sets[node.index] >> i & 1]
        result.append(max(candidates, key=lambda i: sets[i].bit_count(), default=None))
    return result


def _reaching_exit(nodes: list[Node]) -> set[int]:
    before: dict[int, list[int]] = {node.index: [] for node in nodes}
    for node in nodes:
        for successor in node.successors:
            before[successor].append(node.index)
    found = {node.index for node in nodes if not node.successors}
    pending = list(found)
    while pending:
        for index in before[pending.pop()]:
            if index not in found:
                found.add(index)
                pending.append(index)
    return found


def _region(nodes: list[Node], branch: Node, until: int | None) -> set[int]:
    """Nodes that lanes may be in after the branch and before they meet again."""
    found: set[int] = set()
    pending = [s for s in branch.successors if s != until]
    while pending:
        index = pending.pop()
        if index in found:
            continue
        found.add(index)
        pending.extend(s for s in nodes[index].successors if s != until)
    return found


def _order(nodes: list[Node], regions: dict[int, set[int]], post_dominators: list[int | None]) -> list[int] | None:
    """A topological order of the forward edges in which each region comes before the node where it ends."""
    after: dict[int, set[int]] = {node.index: set() for node in nodes}
    for source, target in _forward_edges(nodes):
        after[source].add(target)
    for branch, region in regions.items():
        end = post_dominators[branch]
        if end is not None:
            for index in region:
                after[index].add(end)
            after[branch].add(end)
    waits_for = [0] * len(nodes)
    for targets in after.values():
        for target in targets:
            waits_for[target] += 1
    ready = [index for index in range(len(nodes)) if waits_for[index] == 0]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for target in after[index]:
            waits_for[target] -= 1
            if waits_for[target] == 0:
                heapq.heappush(ready, target)
    return order if len(order) == len(nodes) else None


def _forward_edges(nodes: list[Node]) -> list[tuple[int, int]]:
    """All edges but those that close a cycle in a depth-first walk from the entry."""
    edges, state = [], [0] * len(nodes)  # 0 new, 1 on the walk's path, 2 finished
    stack = [(0, iter(nodes[0].successors))]
    state[0] = 1
    while stack:
        index, successors = stack[-1]
        target = next(successors, None)
        if target is None:
            state[index] = 2
            stack.pop()
            continue
        if state[target] != 1:
            edges.append((index, target))
        if state[target] == 0:
            state[target] = 1
            stack.append((target, iter(nodes[target].successors)))
    return edges
