"""Why a device was idle: the cause of each gap, from the launch of the operation that ended it.

In: a timeline's gaps, the calls behind its operations, and the waits of its hosts. Out: a `Cause` for each gap. The
rules, first match first:

    a copy ends the gap, or ended when it began                               sync/copy
    nothing ends it, or an operation whose call is not known                  unknown
    its call had not returned when the gap began, and its thread had waited
        for the device in the gap before it made the call                     sync/copy
    its call had not returned when the gap began                              host-bound
    what ran last, ran on other streams only                                  dependency
    else: submitted in time, started late                                     launch latency
"""

from __future__ import annotations

from enum import Enum

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.timeline.codes import stream_codes, thread_codes
from harness.timeline.gaps import NOTHING, Gaps, Intervals
from harness.timeline.launches import NOBODY, Launches
from harness.timeline.schema import Timeline

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# Calls that return when the device has done something; versions and per-thread variants end in _v2, _ptsz and so on.
WAITING = (
    r"^(?:cuda|hip)(?:Device|Stream|Event|Thread)Synchronize"
    r"|^cu(?:Ctx|Stream|Event)Synchronize"
    r"|^cudaMemcpy(?:2D|3D)?(?:To|From)?(?:Symbol|Array)?(?:_|$)"
    r"|^cuMemcpy(?:HtoD|DtoH|DtoD|2D|3D)?(?:Unaligned)?(?:_|$)"
)
_NO_WAITS = r"(?i)stream wait event"  # a stream waits for an event there, not the host


class Cause(str, Enum):
    """Why a device was idle before an operation."""

    HOST = "host-bound"
    LAUNCH = "launch latency"
    DEPENDENCY = "dependency"
    COPY = "sync/copy"
    UNKNOWN = "unknown"


CAUSES = tuple(Cause)


def causes(timeline: Timeline, found: Launches, gaps: Gaps, rows: Ints, operations: Intervals) -> Ints:
    """For each gap the index of its cause in CAUSES. Row i of `operations` is row `rows[i]` of the timeline's frame."""
    if not len(rows):
        return np.full(len(gaps.group), CAUSES.index(Cause.UNKNOWN))
    ended = gaps.before == NOTHING
    before = rows[gaps.before]
    copies = (timeline.operations["kind"] == "memcpy").to_numpy()
    streams = stream_codes(timeline)
    copied, same_stream, known_last = _last(gaps, rows, operations, copies, streams, streams[before])
    late = found.returned[before] > gaps.start
    rules: list[tuple[Flags, Cause]] = [
        (ended, Cause.UNKNOWN),
        (copies[before] | copied, Cause.COPY),
        (found.call[before] == NOBODY, Cause.UNKNOWN),
        (late & _waited(timeline, found, gaps, before), Cause.COPY),
        (late, Cause.HOST),
        (known_last & ~same_stream, Cause.DEPENDENCY),
    ]
    return np.select(
        [rule for rule, _ in rules], [CAUSES.index(cause) for _, cause in rules], CAUSES.index(Cause.LAUNCH)
    )


def _last(
    gaps: Gaps, rows: Ints, operations: Intervals, copies: Flags, streams: Ints, wanted: Ints
) -> tuple[Flags, Flags, Flags]:
    """Of what ended when each gap began: was there a copy, was it on stream `wanted`, was there anything."""
    ends = pd.DataFrame({"group": operations.group, "time": operations.end, "row": rows})
    opened = pd.DataFrame({"group": gaps.group, "time": gaps.start, "gap": np.arange(len(gaps.group))})
    both = opened.merge(ends, on=["group", "time"])
    gap, row = both["gap"].to_numpy(), both["row"].to_numpy()
    count = len(gaps.group)
    return (
        np.bincount(gap, weights=copies[row], minlength=count) > 0,
        np.bincount(gap, weights=streams[row] == wanted[gap], minlength=count) > 0,
        np.bincount(gap, minlength=count) > 0,
    )


def _waited(timeline: Timeline, found: Launches, gaps: Gaps, before: Ints) -> Flags:
    """Did the thread that launched `before` wait in the gap, and make the call afterwards?"""
    threads, _ = thread_codes(timeline)
    if not len(threads):
        return np.zeros(len(gaps.group), bool)
    waits = _waits(timeline, threads)
    thread = np.where(found.call[before] == NOBODY, -1, threads[found.call[before]])
    answer = np.zeros(len(gaps.group), bool)
    for code, of_thread in waits.groupby("thread"):
        asked = np.flatnonzero(thread == code)
        ends = np.sort(of_thread["end"].to_numpy())
        # the last wait that was over when the call was made: no other can reach farther into the gap
        place = np.searchsorted(ends, found.entered[before[asked]], side="right") - 1
        answer[asked] = (place >= 0) & (ends[np.maximum(place, 0)] > gaps.start[asked])
    return answer


def _waits(timeline: Timeline, threads: Ints) -> pd.DataFrame:
    """Ends of the hosts' waits, by thread: synchronising calls, and what the source recorded as synchronisation."""
    calls, syncs = timeline.calls, timeline.syncs
    names = calls["name"].cat.categories
    waiting = np.isin(calls["name"].cat.codes.to_numpy(), np.flatnonzero(names.str.contains(WAITING, regex=True)))
    by_call = pd.DataFrame({"thread": threads[waiting], "end": calls["end"].to_numpy()[waiting]})
    kept = syncs[~syncs["kind"].astype("str").str.contains(_NO_WAITS, regex=True)]
    pairs = calls[["process", "thread"]].assign(code=threads).drop_duplicates(["process", "thread"])
    recorded = kept[["process", "thread", "end"]].merge(pairs, on=["process", "thread"])
    return pd.concat([by_call, recorded[["code", "end"]].rename(columns={"code": "thread"})], ignore_index=True)
