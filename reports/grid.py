"""A table in Markdown. In: headings and rows of text. Out: its lines."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence


def grid(headings: Sequence[str], rows: Iterable[Iterable[str]], left: Collection[int] = (0,)) -> str:
    """`left` are the columns of words; numbers stand on the right. Ends with a newline."""
    aligned = ["---" if index in left else "---:" for index in range(len(headings))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (headings, aligned, *rows))
