"""A mutant's sources, apart from the working tree.

In: the files of a translation unit and one changed text. Out: a folder with copies of all of them, laid out as they
are, in which the mutant stands in the place of its original. Nothing else is ever written to.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


class Overlay:
    """Maps an original's path to its copy's."""

    def __init__(self, folder: Path, files: Iterable[Path], changed: dict[Path, str]) -> None:
        known = sorted(files)
        base = Path(os.path.commonpath([path.parent for path in known]))
        self._copies = {path: folder / path.relative_to(base) for path in known}
        for path, copy in self._copies.items():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(changed[path] if path in changed else path.read_text())

    def __getitem__(self, original: Path) -> Path:
        return self._copies[original]
