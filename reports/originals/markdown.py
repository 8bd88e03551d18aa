"""An original's table in Markdown. In: a `Finished`. Out: NAME.md in a folder."""

from __future__ import annotations

from pathlib import Path

from harness.originals.cells import Finished
from reports.grid import grid
from reports.originals import tables


def write(finished: Finished, folder: Path) -> Path:
    """The file, by the table's name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{finished.table.name}.md"
    path.write_text(render(finished))
    return path


def render(finished: Finished) -> str:
    """The heading, the table, what must be known of it."""
    table = grid(tables.headings(finished), tables.rows(finished))
    notes = "".join(f"- {line}\n" for line in tables.below(finished))
    return f"# {tables.heading(finished)}\n\n{table}\n{notes}"
