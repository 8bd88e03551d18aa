"""What became of a mutant, and the file that keeps it while a run lasts and after.

In: outcomes, one by one. Out: JSON lines, each with the digest of what it depends on, so that a run that was cut short
goes on, and an outcome of other sources counts for nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from harness.errors import FuseproofError

Fate: TypeAlias = Literal["killed", "timed out", "survived", "explained", "equivalent", "does not compile"]
FATES: tuple[Fate, ...] = get_args(Fate)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`case` and `reason`: which case noticed, and how; for a mutant that does not compile, nvcc's first complaint."""

    mutant: str
    fate: Fate
    case: str = ""
    reason: str = ""
    guard: str = ""  # a row of GUARDS
    cases_run: int = 0
    cpu_seconds: float = 0.0

    @property
    def dead(self) -> bool:
        return self.fate in ("killed", "timed out")


# What a verdict's reason says, by the part of the check that said it; the first row that fits.
GUARDS = (
    ("ended by a signal", "crash"),
    ("ILLEGAL_ADDRESS", "access check"),
    ("misaligned", "access check"),
    ("outside", "access check"),
    ("barrier", "barrier"),
    ("run twice", "repeat under other conditions"),
    ("blocks do not write", "far indices"),
    ("of the last", "far indices"),
    ("of the first", "far indices"),
    ("returned the same output", "other inputs"),
    (" wrote ", "memory around"),
    ("changed input", "inputs are read only"),
    ("inputs are read only", "inputs are read only"),
    ("NaN", "NaN and infinities"),
    (" failed: ", "fault"),
    ("in row", "rows"),
    ("norm", "norm"),
    ("largest error", "largest error"),
)


def guard_of(reason: str) -> str:
    """Which guard or comparison a reason comes from; "other" for what the table lacks."""
    return next((guard for words, guard in GUARDS if words in reason), "other")


class Journal:
    """Outcomes on disk. `key` is the digest of sources, cases and compiler: lines with another one are left aside."""

    def __init__(self, path: Path, key: str, *, resume: bool) -> None:
        self.path, self.key = path, key
        self.known: dict[str, Outcome] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if resume:
            self.known = _read(path, key)
        else:
            path.write_text("")

    def add(self, outcome: Outcome) -> None:
        """Keep one more."""
        self.known[outcome.mutant] = outcome
        with self.path.open("a") as file:
            file.write(json.dumps({"key": self.key, **asdict(outcome)}) + "\n")


def _read(path: Path, key: str) -> dict[str, Outcome]:
    known = {}
    lines = path.read_text().splitlines() if path.exists() else []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            if row.pop("key") == key:
                known[row["mutant"]] = Outcome(**row)
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):  # the run was cut short while it wrote
                break
            raise FuseproofError(f"{path}:{number} is no outcome of fuseproof mutate: run without --resume") from error
    return known
