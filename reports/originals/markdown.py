"""An original's table in Markdown. In: a `Finished`. Out: NAME.md in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.originals.cells import Finished
from reports.originals import tables


def write(finished: Finished, folder: Path) -> Path:
    """The file, by the table's name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{finished.table.name}.md"
    path.write_text(render(finished))
    return path


def render(finished: Finished) -> str:
    """The heading, the table, what must be known of it."""
    names = tables.headings(finished)
    aligned = ["---", *["---:"] * (len(names) - 1)]
    lines = [f"# {tables.heading(finished)}\n", _line(names), _line(aligned)]
    lines += [_line(row) for row in tables.rows(finished)]
    lines += ["", *(f"- {line}" for line in tables.below(finished))]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
