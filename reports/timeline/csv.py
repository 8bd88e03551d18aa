"""Every figure of a timeline as CSV: one row a device, a range or a kernel, told apart by `table`; and of counters.

In: an `Overview`, perhaps a `Run` of counters. Out: text; times are nanoseconds, what is withheld is empty and
says why in `withheld`.
"""

from __future__ import annotations

import pandas as pd

from harness.counted import Run
from harness.timeline.overview import Overview
from reports.counters import records as counters


def render(overview: Overview, counted: Run | None = None) -> str:
    """The tables one below the other, with all columns."""
    parts = [
        overview.figures.devices.assign(table="device"),
        overview.ranges.assign(table="range").rename(columns={"label": "range"}),
        *(kernels.table.assign(table="kernel", range=kernels.title) for kernels in overview.kernels),
        *(counters.frames(counted) if counted else ()),
    ]
    frame = pd.concat([part for part in parts if len(part)] or [pd.DataFrame({"table": []})], ignore_index=True)
    first = [name for name in ("table", "range", "domain", "device", "name", "kernel") if name in frame]
    ordered = frame[[*first, *(name for name in frame if name not in first)]]
    return ordered.convert_dtypes().to_csv(index=False)
