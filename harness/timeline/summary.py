"""The record of one range, as results keep it, from a timeline.

In: a timeline and the rows of the operations that the range launched; host times. Out: a `Profile`, the record that
tables read. A figure of a doubtful timeline is not kept: see `doubts`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.results.record import KernelShare, Profile, Source
from harness.timeline.gaps import Intervals, gaps, hulls
from harness.timeline.names import readable
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
    submissions: int | None = None,
) -> Profile:
    """The profile of one range on one device. `submissions`: its launch calls, where they differ from its kernels'."""
    operations = timeline.operations
    kinds = operations["kind"].to_numpy()[rows]
    start, end = operations["start"].to_numpy()[rows], operations["end"].to_numpy()[rows]
    kernels = rows[kinds == "kernel"]
    intervals = Intervals(np.zeros(len(rows), np.int64), start, end)
    window = hulls(intervals, 1)
    found = gaps(intervals, window).length
    idle = int(found.sum())
    return Profile(
        range=name,
        source=source,
        launches=len(kernels),
        submissions=len(set(operations["correlation"].to_numpy()[kernels])) if submissions is None else submissions,
        copies=int((kinds == "memcpy").sum()),
        memsets=int((kinds == "memset").sum()),
        host_us=host_ns / 1e3,
        wall_us=wall_ns / 1e3,
        busy_us=(int(window.end[0] - window.start[0]) - idle) / 1e3,
        idle_us=idle / 1e3,
        gaps=len(found),
        largest_gap_us=int(found.max(initial=0)) / 1e3,
        dram_bytes=dram_bytes,
        kernels=kernel_shares(timeline, kernels),
    )


def kernel_shares(timeline: Timeline, kernels: Ints) -> tuple[KernelShare, ...]:
    """Launches and time of these kernels by their readable name, the longest first."""
    operations = timeline.operations
    name = operations["name"].to_numpy()[kernels]
    length = (operations["end"].to_numpy() - operations["start"].to_numpy())[kernels]
    by_name = pd.DataFrame({"name": [readable(each) for each in name], "length": length}).groupby("name")["length"]
    shares = [
        KernelShare(str(each), int(count), int(total) / 1e3)
        for each, count, total in zip(by_name.size().index, by_name.size(), by_name.sum(), strict=True)
    ]
    return tuple(sorted(shares, key=lambda share: (-share.total_us, share.name)))


def total_dram_bytes(timeline: Timeline, rows: Ints) -> int | None:
    """Bytes of all kernels among these operations; None where those of one are unknown."""
    operations = timeline.operations
    nbytes = operations["bytes"].to_numpy()[rows[operations["kind"].to_numpy()[rows] == "kernel"]]
    return None if (nbytes == UNKNOWN).any() else int(nbytes.sum())
