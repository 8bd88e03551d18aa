"""All figures of a stored run as CSV. In: a `Run`. Out: text, whose rows `table` tells apart; or a file a sheet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from harness.results.record import Run
from reports.stored.sheets import sheets


def render(run: Run) -> str:
    """One below the other, with all columns."""
    frames = [sheet.frame.assign(table=sheet.name) for sheet in sheets(run) if len(sheet.frame)]
    whole = pd.concat(frames, ignore_index=True)
    return whole[["table", *(name for name in whole if name != "table")]].convert_dtypes().to_csv(index=False)


def write(run: Run, folder: Path) -> list[Path]:
    """speedups.csv, launches.csv, kernels.csv; without rows where there are no figures."""
    made = []
    for sheet in sheets(run):
        made.append(folder / f"{sheet.name}.csv")
        sheet.frame.convert_dtypes().to_csv(made[-1], index=False)
    return made
