"""CUDA C++ sources as syntax trees.

In: a source file. Out: a `Source` with its bytes and tree-sitter's tree, and the nodes in which a mistake would matter:
includes, attributes and launch bounds are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.errors import FuseproofError

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Tree
else:
    Node: TypeAlias = Any

_NO_BEHAVIOUR = frozenset(
    # launch bounds are a hint to the compiler; a literal in a directive or an assertion decides no result
    ["comment", "preproc_include", "preproc_call", "launch_bounds", "static_assert_declaration", "attribute_specifier"]
)


class ParseError(FuseproofError):
    """A source that is no CUDA C++ as far as the grammar knows it."""


@dataclass(frozen=True, slots=True)
class Source:
    """`name` is the path as reports print it, relative to the project."""

    path: Path
    name: str
    content: bytes
    tree: Tree


def parse(path: Path, name: str | None = None) -> Source:
    """Read and parse one file."""
    content = path.read_bytes()
    tree = _parser().parse(content)
    if broken := _first_error(tree.root_node):
        raise ParseError(f"{path}:{broken.start_point[0] + 1}: the CUDA grammar cannot read this; see docs/mutation.md")
    return Source(path, name or path.name, content, tree)


def nodes(source: Source) -> Iterator[Node]:
    """Every named node that can change what a kernel computes, in the order of the text."""
    waiting = [source.tree.root_node]
    while waiting:
        node = waiting.pop()
        if node.type in _NO_BEHAVIOUR:
            continue
        if node.is_named:
            yield node
        waiting += reversed(node.children)


def text(node: Node) -> str:
    """The source text of a node."""
    return (node.text or b"").decode()


def field(node: Node, name: str) -> Node:
    """A child that the grammar promises."""
    child = node.child_by_field_name(name)
    if child is None:
        raise ParseError(f"line {node.start_point[0] + 1}: a {node.type} without {name}")
    return child


def ancestors(node: Node) -> Iterator[Node]:
    """From the parent up."""
    while node.parent is not None:
        node = node.parent
        yield node


def _first_error(root: Node) -> Node | None:
    waiting = [root] if root.has_error else []
    while waiting:
        node = waiting.pop()
        if node.is_error or node.is_missing:
            return node
        waiting += [child for child in node.children if child.has_error or child.is_missing]
    return None


@cache
def _parser() -> Parser:
    try:
        import tree_sitter_cuda
        from tree_sitter import Language, Parser
    except ImportError as error:
        raise FuseproofError(
            "mutation testing parses CUDA with tree-sitter: pip install tree-sitter tree-sitter-cuda"
        ) from error
    return Parser(Language(tree_sitter_cuda.language()))
