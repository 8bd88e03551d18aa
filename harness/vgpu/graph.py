"""A CUDA graph as the clock launches it: operations with the dependencies between them.

In: nodes, or what was launched on the clock one by one. Out: a `Graph`, whose launch is one submission.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.vgpu.activity import Activity, Operation


@dataclass(frozen=True, slots=True)
class Node:
    """`after` are the places of the nodes that it waits for: earlier ones of the same graph."""

    operation: Operation
    after: tuple[int, ...] = ()

    @staticmethod
    def at(place: int, operation: Operation, after: tuple[int, ...]) -> Node:
        """A node for that place of a graph; ValueError where it would wait for itself or for a later one."""
        if any(not 0 <= each < place for each in after):
            raise ValueError(f"node {place}, {operation.name}, cannot wait for nodes {after}: only for earlier ones")
        return Node(operation, after)


@dataclass(frozen=True, slots=True)
class Graph:
    """An executable graph. Launches of the same `number` run one after another, on whichever streams."""

    number: int
    nodes: tuple[Node, ...]

    @property
    def last(self) -> tuple[int, ...]:
        """Places of the nodes that no other waits for."""
        waited_for = {place for node in self.nodes for place in node.after}
        return tuple(place for place in range(len(self.nodes)) if place not in waited_for)


def recorded(number: int, activities: Sequence[Activity], first: int) -> Graph:
    """The operations from place `first` of a clock's list on, as the graph that capturing their launches would make.

    What they waited for before that place does not belong to it: a graph's launch waits for its stream as a whole.
    """
    nodes = [
        Node.at(place, activity, tuple(each - first for each in activity.after if each >= first))
        for place, activity in enumerate(activities[first:])
    ]
    return Graph(number, tuple(nodes))
