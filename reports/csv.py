"""All figures of a run as CSV: one row a case, one column a figure.

In: a `Run`. Out: a data frame, or results.csv in a folder.
"""

from __future__ import annotations

from pathlib import Path

import pandas

from harness.results.record import Run
from reports import table as rows


def frame(run: Run) -> pandas.DataFrame:
    """Device and source come first, then the figures of `reports.table.figures`."""
    shared = {"device": run.device, "device_name": run.device_name, "source": run.source}
    return pandas.DataFrame([{**shared, **rows.figures(result)} for result in run.results])


def write(run: Run, folder: Path) -> Path:
    """Write results.csv; returns its path."""
    path = folder / "results.csv"
    frame(run).convert_dtypes().to_csv(path, index=False)
    return path
