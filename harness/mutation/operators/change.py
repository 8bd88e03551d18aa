"""What an operator answers: one replacement in the text of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from harness.mutation.parsing import Node, text


@dataclass(frozen=True, slots=True)
class Change:
    """`replacement` takes the place of the bytes from `start` to `end`."""

    start: int
    end: int
    replacement: str
    description: str


Rule: TypeAlias = Callable[[Node], Iterator[Change]]


@dataclass(frozen=True, slots=True)
class Operator:
    """A kind of mistake: its name in ids and reports, what it does, the nodes it looks at, and how it changes one."""

    name: str
    does: str
    node_types: frozenset[str]
    rule: Rule


def replaced(node: Node, replacement: str, description: str = "") -> Change:
    """A whole node by another text."""
    return Change(node.start_byte, node.end_byte, replacement, description or f"{short(text(node))} → {replacement}")


def short(code: str, most: int = 60) -> str:
    """One line of a piece of code."""
    line = " ".join(code.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
