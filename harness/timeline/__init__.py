"""What ran on a device and when: operations, ranges around them, gaps between them, and their figures.

The definitions are those of docs/design.md, section 5.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import FuseproofError

if TYPE_CHECKING:
    from harness.timeline.schema import Timeline

_SQLITE = b"SQLite format 3\0"
_REPORTS = (".nsys-rep", ".qdrep", ".qdstrm")


def load(path: Path) -> Timeline:
    """The timeline in a file of any format that is known: its content says which."""
    try:
        with path.open("rb") as file:
            first = file.read(len(_SQLITE))
    except OSError as error:
        raise FuseproofError(f"{path} cannot be read: {error.strerror or error}") from error
    if first == _SQLITE:
        from harness.timeline import nsys

        return nsys.load(path)
    if path.suffix in _REPORTS:
        raise FuseproofError(
            f"{path} is a report of Nsight Systems, which only its own tools read: nsys export --type sqlite {path}"
        )
    from harness.timeline import kineto

    return kineto.load(path)
