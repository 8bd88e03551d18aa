"""The project's table of mutants that compute the same as the original, though their PTX differs: each with its reason.

In: a CSV file, `mutant,reason`, committed beside the suites. Out: reasons by the mutant's id. Such a mutant is run like
any other; where it survives, it counts neither for nor against the suites.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TypeAlias

from harness.errors import FuseproofError

Explained: TypeAlias = dict[str, str]
HEADER = ["mutant", "reason"]


def read_explained(path: Path) -> Explained:
    """The table; empty where there is no such file. A mutant without a reason is an error."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    if not rows or rows[0] != HEADER:
        raise FuseproofError(f"{path}:1: the first line must read {','.join(HEADER)}")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != 2 or not all(cell.strip() for cell in row):
            raise FuseproofError(f"{path}:{number}: a mutant's id and the reason why it computes the same, please")
    return {row[0]: row[1] for row in rows[1:]}
