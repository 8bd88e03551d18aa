"""Threads and streams as small numbers, so that rows can be grouped, sorted and compared by one column.

In: a timeline. Out: a number for each row; equal numbers mean the same thread of the same process, or the same stream
of the same context.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.timeline.schema import Timeline

Ints = npt.NDArray[np.int64]


def thread_codes(timeline: Timeline) -> tuple[Ints, Ints]:
    """Threads of the calls, and those of the ranges, in one numbering."""
    calls, ranges = timeline.calls, timeline.ranges
    codes = _codes(pd.concat([calls[["process", "thread"]], ranges[["process", "thread"]]]))
    return codes[: len(calls)], codes[len(calls) :]


def stream_codes(timeline: Timeline) -> Ints:
    """Streams of the operations: ids of streams are unique within a context of a process."""
    return _codes(timeline.operations[["device", "process", "context", "stream"]])


def _codes(keys: pd.DataFrame) -> Ints:
    return keys.groupby(list(keys), sort=False).ngroup().to_numpy().astype(np.int64)
