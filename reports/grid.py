"""A table of text, and how it reads in Markdown. In: headings and rows of text. Out: lines."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """The first `left` columns hold words, the others figures."""

    title: str
    headings: tuple[str, ...]
    left: int
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def grid(headings: Sequence[str], rows: Iterable[Iterable[str]], left: Collection[int] = (0,)) -> str:
    """`left` are the columns of words; numbers stand on the right. Ends with a newline."""
    aligned = ["---" if index in left else "---:" for index in range(len(headings))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (headings, aligned, *rows))


def section(table: Table) -> str:
    """A heading, the table, its notes as a list."""
    parts = [f"## {escaped(table.title)}\n"]
    parts += [grid(table.headings, (map(escaped, row) for row in table.rows), left=range(table.left))]
    parts += ["".join(f"- {escaped(note)}\n" for note in table.notes)] if table.notes else []
    return "\n".join(parts)


def escaped(text: str) -> str:
    """Names of kernels hold what Markdown would read: templates as tags, operators as emphasis, lambdas as tables."""
    for sign in "\\`*_<>|#[]":
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split())
