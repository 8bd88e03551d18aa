"""The run itself as JSON: what `harness.results.store` reads back."""

from __future__ import annotations

from pathlib import Path

from harness.results.record import Run
from harness.results.store import FILE, save


def write(run: Run, folder: Path) -> Path:
    """Write results.json; returns its path."""
    path = folder / FILE
    save(run, path)
    return path
