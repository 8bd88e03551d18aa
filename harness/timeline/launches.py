"""Which call submitted each operation, and which operations each range launched.

In: a timeline. Out: for each operation the row of its call, joined by correlation id *and* process; for each range the
operations whose calls its own thread entered inside it. No range owns what another thread launched meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.timeline.codes import thread_codes
from harness.timeline.schema import UNKNOWN, Timeline

Ints = npt.NDArray[np.int64]

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Launches:
    """The call of each operation."""

    call: Ints  # its row in `calls`; NOBODY for an orphan
    entered: Ints  # when the host entered it, ns; UNKNOWN for an orphan
    returned: Ints  # when it returned


class Pairs(NamedTuple):
    """Operation `operation` was launched in range `range`: rows of their frames, in order of range and call."""

    range: Ints
    operation: Ints


class Points(NamedTuple):
    """Moments on threads, sorted by thread and time, with the rows that they come from."""

    thread: Ints
    time: Ints
    row: Ints


def launches(timeline: Timeline) -> Launches:
    """The call of each operation. Of several calls of one id, as of a driver's inside a runtime's, the first counts."""
    operations, calls = timeline.operations, timeline.calls
    keys = _joined_keys(
        (operations["process"].to_numpy(), operations["correlation"].to_numpy()),
        (calls["process"].to_numpy(), calls["correlation"].to_numpy()),
    )
    start = calls["start"].to_numpy()
    by_key = np.lexsort((start, keys[1]))
    sorted_keys = keys[1][by_key]
    place = np.searchsorted(sorted_keys, keys[0])
    nearest = np.minimum(place, max(len(by_key) - 1, 0))
    found = (
        (sorted_keys[nearest] == keys[0]) & (operations["correlation"].to_numpy() > 0)
        if len(by_key)
        else np.zeros(len(operations), bool)
    )
    call = np.where(found, by_key[nearest] if len(by_key) else NOBODY, NOBODY)
    return Launches(call, _of(start, call), _of(calls["end"].to_numpy(), call))


def launched(timeline: Timeline, found: Launches) -> Pairs:
    """The operations of every range."""
    threads, of_ranges = thread_codes(timeline)
    calls = timeline.calls
    joined = np.flatnonzero(found.call != NOBODY)
    points = sorted_points(threads[found.call[joined]], calls["start"].to_numpy()[found.call[joined]], joined)
    first, last = inside(points, of_ranges, timeline.ranges["start"].to_numpy(), range_ends(timeline))
    counts = last - first
    ranges = np.repeat(np.arange(len(counts)), counts)
    steps = np.arange(len(ranges)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Pairs(ranges, points.row[np.repeat(first, counts) + steps])


def range_ends(timeline: Timeline) -> Ints:
    """The last moment inside each range; one that was never closed lasts for ever.

    A call that is entered when a range ends comes behind it: on the virtual clock nothing lies between the two.
    """
    start, end = timeline.ranges["start"].to_numpy(), timeline.ranges["end"].to_numpy()
    return np.where(end == UNKNOWN, np.iinfo(np.int64).max, np.where(end > start, end - 1, end))


def sorted_points(thread: Ints, time: Ints, row: Ints) -> Points:
    """Moments in order of thread and time."""
    order = np.lexsort((time, thread))
    return Points(thread[order], time[order], row[order])


def inside(points: Points, thread: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """For each interval on a thread: the first of the points in it, and the one behind the last."""
    first, last = np.zeros(len(thread), np.int64), np.zeros(len(thread), np.int64)
    for code in np.unique(thread):
        of_thread = thread == code
        low, high = np.searchsorted(points.thread, [code, code + 1])
        times = points.time[low:high]
        first[of_thread] = low + np.searchsorted(times, start[of_thread], side="left")
        last[of_thread] = low + np.searchsorted(times, end[of_thread], side="right")
    return first, np.maximum(first, last)


def _joined_keys(one: tuple[Ints, Ints], other: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
    """Process and correlation as one number, the same for the same pair on both sides."""
    process, _ = pd.factorize(np.concatenate([one[0], other[0]]))
    correlation = np.concatenate([one[1], other[1]])
    if correlation.size and (correlation.max() >= 1 << 40 or correlation.min() < 0):
        correlation, _ = pd.factorize(correlation)
    keys = process.astype(np.int64) << 40 | correlation
    return keys[: len(one[0])], keys[len(one[0]) :]


def _of(times: Ints, call: Ints) -> Ints:
    return np.where(call == NOBODY, UNKNOWN, times[call] if len(times) else UNKNOWN)
