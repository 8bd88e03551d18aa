"""The record of one range, as results keep it, from a timeline.

In: a timeline and the rows of the operations that the range launched; host times. Out: a `Profile`, the record that
tables read. A figure of a doubtful timeline is not kept: see `doubts`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.results.record import KernelShare, Profile, Source
from harness.timeline.figures import counts, kernel_table
from harness.timeline.gaps import Intervals, gaps, hulls
from harness.timeline.launches import Launches, launches
from harness.timeline.schema import UNKNOWN, Timeline

Ints = npt.NDArray[np.int64]


def launched_by(timeline: Timeline, correlations: Ints) -> Ints:
    """Rows of the operations that the given calls of a timeline of one process submitted."""
    return np.flatnonzero(np.isin(timeline.operations["correlation"].to_numpy(), correlations))


def summarise(
    name: str,
    source: Source,
    timeline: Timeline,
    rows: Ints,
    *,
    host_ns: float,
    wall_ns: float,
    dram_bytes: int | None,
) -> Profile:
    """The profile of one range on one device, whose operations all have valid times."""
    operations, calls = timeline.operations, launches(timeline)
    start, end = operations["start"].to_numpy()[rows], operations["end"].to_numpy()[rows]
    number = {name: int(count[0]) for name, count in counts(timeline, calls, rows, np.zeros_like(rows), 1).items()}
    intervals = Intervals(np.zeros(len(rows), np.int64), start, end)
    window = hulls(intervals, 1)
    found = gaps(intervals, window).length
    idle = int(found.sum())
    return Profile(
        range=name,
        source=source,
        launches=number["launches"],
        submissions=number["submissions"],
        copies=number["copies"],
        memsets=number["memsets"],
        host_us=host_ns / 1e3,
        wall_us=wall_ns / 1e3,
        busy_us=(int(window.end[0] - window.start[0]) - idle) / 1e3,
        idle_us=idle / 1e3,
        gaps=len(found),
        largest_gap_us=int(found.max(initial=0)) / 1e3,
        dram_bytes=dram_bytes,
        kernels=_shares(timeline, calls, rows),
    )


def _shares(timeline: Timeline, calls: Launches, rows: Ints) -> tuple[KernelShare, ...]:
    """Launches and time of the kernels by their readable name, the longest first."""
    table = kernel_table(timeline, calls, np.ones(len(timeline.operations), bool), rows)
    figures = zip(table["kernel"], table["count"], table["total_ns"], strict=True)
    return tuple(KernelShare(str(name), int(count), int(total) / 1e3) for name, count, total in figures)


def total_dram_bytes(timeline: Timeline, rows: Ints) -> int | None:
    """Bytes of all kernels among these operations; None where those of one are unknown."""
    operations = timeline.operations
    nbytes = operations["bytes"].to_numpy()[rows[operations["kind"].to_numpy()[rows] == "kernel"]]
    return None if (nbytes == UNKNOWN).any() else int(nbytes.sum())
