"""A stored run on the terminal. In: a `Run`. Out: what rich prints: its speedups as after the run, then the rest."""

from __future__ import annotations

from rich.console import Group, RenderableType

from harness.results.record import Run
from reports import terminal
from reports.boxed import boxed, words
from reports.stored.sheets import Sheet, sheets


def renderable(run: Run) -> RenderableType:
    """Every table, or the sentence that stands for it."""
    _, *others = sheets(run)
    return Group(*terminal.tables(run), *(part for sheet in others for part in _parts(sheet)))


def kernels(run: Run) -> RenderableType:
    """The table of counters alone."""
    *_, counted = sheets(run)
    return Group(*_parts(counted))


def _parts(sheet: Sheet) -> list[RenderableType]:
    tables = [part for table in sheet.tables.values() for part in boxed(table, whole_names=True)]
    return [*tables, *map(words, sheet.notes), *([""] if sheet.notes else [])]
