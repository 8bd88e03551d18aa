"""A stored run in Markdown. In: a `Run`. Out: text, or a file a sheet."""

from __future__ import annotations

from pathlib import Path

from harness.results.record import Run
from reports.grid import escaped, section
from reports.stored.sheets import Sheet, sheets


def render(run: Run) -> str:
    """Every table, or the sentence that stands for it."""
    return "\n".join(map(_text, sheets(run)))


def write(run: Run, folder: Path) -> list[Path]:
    """speedups.md, launches.md, kernels.md."""
    paths = [(folder / f"{sheet.name}.md", sheet) for sheet in sheets(run)]
    return [path for path, sheet in paths if path.write_text(_text(sheet))]


def _text(sheet: Sheet) -> str:
    return "\n".join([*map(section, sheet.tables.values()), *(f"{escaped(note)}\n" for note in sheet.notes)])
