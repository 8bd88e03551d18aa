"""The published tables: what a time model is compared with. data/SOURCES.md says where each comes from."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of a table; `ms` are its times by column, without "_ms"."""

    gpu: str
    dtype: str
    batch: int
    seq: int
    ms: dict[str, float]
    beam: int = 1

    @property
    def id(self) -> str:
        beam = f"-beam{self.beam}" if self.beam > 1 else ""
        return f"{self.dtype}-b{self.batch}-s{self.seq}{beam}"


def table(name: str) -> tuple[Cell, ...]:
    """The rows of one file of data/."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(_cell(row) for row in csv.DictReader(file))


def _cell(row: dict[str, str]) -> Cell:
    times = {column.removesuffix("_ms"): float(value) for column, value in row.items() if column.endswith("_ms")}
    return Cell(row["gpu"], row["dtype"], int(row["batch"]), int(row["seq"]), times, int(row.get("beam", 1)))
