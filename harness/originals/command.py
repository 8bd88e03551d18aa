"""`fuseproof table NAME`, step by step. In: a name, the open device. Out: a `Finished`; progress on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import FuseproofError
from harness.originals.cells import Finished, rows
from harness.progress import progress

if TYPE_CHECKING:
    from rich.console import Console

    from harness.device import Device
    from harness.originals.tables import Original


def finished(table: Original, device: Device, keyword: str, seed: int, console: Console) -> Finished:
    """Every row whose case's id contains the keyword; an error where there is none."""
    made = []
    with progress(console, table.name, len(table.sweep)) as advance:
        for row in rows(table, device, keyword, seed):
            made.append(row)
            advance("done")
    if not made:
        raise FuseproofError(f"no case of {table.name} matches {keyword!r}; its ids read like {table.ids()[0]}")
    return Finished(table, device.label, device.name, device.source, tuple(made))
