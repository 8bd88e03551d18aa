"""What ran on a device and when: operations, ranges around them, gaps between them, and their figures.

The definitions are those of docs/design.md, section 5.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import FuseproofError
from harness.timeline.foreign import EXPORT, LONGEST, SQLITE, foreign

if TYPE_CHECKING:
    from harness.timeline.schema import Timeline

_REPORTS = (".nsys-rep", ".qdrep", ".qdstrm")


def load(path: Path) -> Timeline:
    """The timeline in a file of any format that is known: its content says which."""
    try:
        with path.open("rb") as file:
            start = file.read(LONGEST)
    except OSError as error:
        raise FuseproofError(f"{path} cannot be read: {error.strerror or error}") from error
    if start and SQLITE.startswith(start[: len(SQLITE)]):
        from harness.timeline import nsys

        return nsys.load(path)
    if path.suffix in _REPORTS:
        raise FuseproofError(f"{path} is a report of Nsight Systems, which only its own tools read: {EXPORT} {path}")
    if what := foreign(start):
        raise FuseproofError(f"{path} {what}")
    from harness.timeline import kineto

    return kineto.load(path)
