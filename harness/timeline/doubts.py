"""What is wrong with a timeline, and which figures it makes unreliable.

In: a timeline and the calls behind its operations. Out: findings, counted, for every table's foot; and for each range
or device the reason to withhold a figure, "" for none.

Operations of a stream start in the order of their launches. So the lost call of an orphan was made between the calls of
its neighbours on the stream, and only ranges that were open then can be its own: no other range is doubted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.timeline.codes import stream_codes, thread_codes
from harness.timeline.gaps import Windows, running_maximum
from harness.timeline.launches import NOBODY, Launches, inside, range_ends, sorted_points
from harness.timeline.schema import UNKNOWN, Finding, Timeline

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_COUNT_FROM_ZERO = ("trace", "virtual")  # clocks on which something may happen at 0
_INFINITE = np.iinfo(np.int64).max

# cudaLaunchKernel, cudaLaunchKernelExC, cudaLaunchCooperativeKernel, cuLaunchKernelEx, cudaGraphLaunch, …
LAUNCHING = r"^(?:cuda|cu|hip)(?:Module|Ext)?(?:Launch(?:Cooperative)?(?:Kernel|Grid)?(?:ExC|Ex)?|GraphLaunch)(?:_|$)"
_CAPTURE_BEGINS = r"^(?:cuda|cu|hip)StreamBeginCapture"
_CAPTURE_ENDS = r"^(?:cuda|cu|hip)StreamEndCapture"


@dataclass(frozen=True, slots=True)
class Doubts:
    """Flags by row of the timeline's frames."""

    orphan: Flags  # operations without a call
    untimed: Flags  # operations whose end is before their start, or that have a zero for a time
    whole_graph: Flags  # operations that stand for a graph launch, its nodes unknown
    lost: Flags  # launch calls without an operation
    truncated: bool


def doubts(timeline: Timeline, found: Launches) -> Doubts:
    """What cannot be relied on."""
    operations = timeline.operations
    start, end = operations["start"].to_numpy(), operations["end"].to_numpy()
    zero = (start == 0) | (end == 0)
    if timeline.source.clock in _COUNT_FROM_ZERO:
        zero[:] = False
    return Doubts(
        orphan=found.call == NOBODY,
        untimed=(end < start) | zero,
        whole_graph=((operations["graph"] != UNKNOWN) & (operations["graph_node"] == UNKNOWN)).to_numpy(),
        lost=_lost(timeline, found),
        truncated=any(finding.name == "truncated" for finding in timeline.findings),
    )


def findings(timeline: Timeline, found: Launches, seen: Doubts) -> tuple[Finding, ...]:
    """The timeline's own findings, and what looking at it gives."""
    return (*timeline.findings, *_found(timeline, found, seen))


def device_reasons(timeline: Timeline, seen: Doubts, devices: Ints) -> list[str]:
    """For each device why its busy and idle time are withheld."""
    device = timeline.operations["device"].to_numpy()
    return [
        _first(
            (int((seen.untimed & (device == index)).sum()), _UNTIMED),
            (int((seen.whole_graph & (device == index)).sum()), _GRAPHS),
            (int(seen.truncated), _TRUNCATED),
        )
        for index in devices.tolist()
    ]


def count_reasons(seen: Doubts, devices: Ints) -> list[str]:
    """For each device why the count of its launches is withheld."""
    return [_TRUNCATED if seen.truncated else ""] * len(devices)


def range_reasons(timeline: Timeline, seen: Doubts, found: Launches) -> list[str]:
    """For each range why the count of its launches is withheld."""
    columns = (
        (_unrecorded(timeline), "the trace has no calls of its process"),
        (_possible_orphans(timeline, seen, found), "operations without a call, perhaps launched in it: {}"),
        (_inside(timeline, np.flatnonzero(seen.lost)), "launch calls in it without an operation: {}"),
        (_inside(timeline, found.call[seen.whole_graph & ~seen.orphan]), _GRAPHS),
        ([int(seen.truncated)] * len(timeline.ranges), _TRUNCATED),
    )
    return [
        _first(*zip(counts, [text for _, text in columns], strict=True))
        for counts in zip(*(counts for counts, _ in columns), strict=True)
    ]


def window_reasons(
    timeline: Timeline, seen: Doubts, found: Launches, devices: Ints, windows: Windows, without: Ints
) -> list[str]:
    """For each window on a device why its busy and idle time are withheld; `without` counts its untimed operations."""
    operations = timeline.operations
    device, start, end = (operations[column].to_numpy() for column in ("device", "start", "end"))
    untimed, whole = np.zeros(len(devices), np.int64), np.zeros(len(devices), np.int64)
    for index in np.unique(devices):
        own, here = devices == index, device == index
        # nobody knows when those ran, only that it was after their call
        since = np.sort(found.entered[seen.untimed & here])
        untimed[own] = np.maximum(np.searchsorted(since, windows.end[own], side="left"), without[own])
        graphs = seen.whole_graph & here
        over = np.searchsorted(np.sort(end[graphs]), windows.start[own], side="right")
        whole[own] = np.searchsorted(np.sort(start[graphs]), windows.end[own], side="left") - over
    return [
        _first((own_untimed, _UNTIMED), (own_whole, _GRAPHS), (int(seen.truncated), _TRUNCATED))
        for own_untimed, own_whole in zip(untimed.tolist(), whole.tolist(), strict=True)
    ]


_UNTIMED = "operations without valid start and end: {}"
_GRAPHS = "graph launches recorded without their nodes: {}"
_TRUNCATED = "the file breaks off"


def _first(*reasons: tuple[int, str]) -> str:
    return next((text.format(f"{count:,}") for count, text in reasons if count), "")


def _lost(timeline: Timeline, found: Launches) -> Flags:
    """Launch calls that no operation has: not those inside another call, nor those that a stream capture recorded."""
    calls = timeline.calls
    lost = _named(calls, LAUNCHING)
    lost[found.call[found.call != NOBODY]] = False
    if not lost.any():
        return lost
    threads, _ = thread_codes(timeline)
    rows = np.flatnonzero(lost)
    lost[rows[_nested(calls, threads)[rows] | _captured(calls, threads)[rows]]] = False
    return lost


def _named(calls: pd.DataFrame, pattern: str) -> Flags:
    matching = np.flatnonzero(calls["name"].cat.categories.str.contains(pattern, regex=True))
    return np.isin(calls["name"].cat.codes.to_numpy(), matching)


def _nested(calls: pd.DataFrame, threads: Ints) -> Flags:
    """Calls that were made inside another call of their thread."""
    start, end = calls["start"].to_numpy(), calls["end"].to_numpy()
    order = np.lexsort((-end, start, threads))
    frame = pd.DataFrame({"thread": threads[order], "end": end[order]})
    reached = frame.groupby("thread")["end"].cummax().groupby(frame["thread"]).shift(fill_value=-_INFINITE)
    nested = np.zeros(len(calls), bool)
    nested[order] = reached.to_numpy() >= end[order]
    return nested & (end > start)


def _captured(calls: pd.DataFrame, threads: Ints) -> Flags:
    """Calls between the begin and the end of a stream capture on their thread."""
    step = _named(calls, _CAPTURE_BEGINS).astype(np.int64) - _named(calls, _CAPTURE_ENDS)
    if not step.any():
        return np.zeros(len(calls), bool)
    order = np.lexsort((calls["start"].to_numpy(), threads))
    depth = pd.Series(step[order]).groupby(threads[order]).cumsum().to_numpy()
    captured = np.zeros(len(calls), bool)
    captured[order] = depth > 0
    return captured


def _inside(timeline: Timeline, rows: Ints) -> list[int]:
    """For each range how many of these calls its thread made in it."""
    threads, of_ranges = thread_codes(timeline)
    points = sorted_points(threads[rows], timeline.calls["start"].to_numpy()[rows], rows)
    first, last = inside(points, of_ranges, timeline.ranges["start"].to_numpy(), range_ends(timeline))
    return (last - first).tolist()


def _unrecorded(timeline: Timeline) -> list[int]:
    """For each range whether nothing is known of its process, though of others."""
    calls = timeline.calls["process"].unique()
    known = timeline.ranges["process"].isin(calls).to_numpy() if len(calls) else np.ones(len(timeline.ranges), bool)
    return (~known).astype(np.int64).tolist()


def _possible_orphans(timeline: Timeline, seen: Doubts, found: Launches) -> list[int]:
    """For each range how many orphans' calls may have been made while it was open, in its process."""
    counts = np.zeros(len(timeline.ranges), np.int64)
    rows = np.flatnonzero(seen.orphan)
    if not len(rows) or not len(counts):
        return counts.tolist()
    earliest, latest = _call_bounds(timeline, found)
    earliest, latest = earliest[rows], latest[rows]
    orphans = timeline.operations["process"].to_numpy()[rows]
    processes = timeline.ranges["process"].to_numpy()
    starts, ends = timeline.ranges["start"].to_numpy(), range_ends(timeline)
    for process in np.unique(processes):
        asked = processes == process
        own = (orphans == process) | (orphans == UNKNOWN)
        over = np.searchsorted(np.sort(latest[own]), starts[asked], side="left")
        to_come = int(own.sum()) - np.searchsorted(np.sort(earliest[own]), ends[asked], side="right")
        counts[asked] = own.sum() - over - to_come
    return counts.tolist()


def _call_bounds(timeline: Timeline, found: Launches) -> tuple[Ints, Ints]:
    """For each operation when its call was made, at the earliest and at the latest: by its neighbours on the stream."""
    operations, codes = timeline.operations, stream_codes(timeline)
    start = operations["start"].to_numpy()
    order = np.lexsort((start, codes))
    # nullable integers: a float would round the times
    known = pd.Series(found.entered[order], dtype="Int64").mask(found.call[order] == NOBODY)
    by_stream = known.groupby(codes[order])
    earliest, latest = np.empty(len(order), np.int64), np.empty(len(order), np.int64)
    earliest[order] = by_stream.ffill().fillna(-_INFINITE).to_numpy(np.int64)
    latest[order] = by_stream.bfill().fillna(_INFINITE).to_numpy(np.int64)
    return earliest, np.maximum(earliest, np.minimum(latest, start))


def _found(timeline: Timeline, found: Launches, seen: Doubts) -> Iterator[Finding]:
    operations, ranges = timeline.operations, timeline.ranges
    start, end = operations["start"].to_numpy(), operations["end"].to_numpy()
    open_ranges = ranges["end"].to_numpy() == UNKNOWN
    backward_ranges = (ranges["end"].to_numpy() < ranges["start"].to_numpy()) & ~open_ranges
    zero = seen.untimed & (end >= start)
    counted = (
        ("orphan operations", seen.orphan, "without API call: it was made before the recording, or is lost"),
        ("lost operations", seen.lost, "launch calls have none: it ran after the recording, or is lost"),
        ("end before start", end < start, "operations; their times are not used"),
        ("zero time stamps", zero, "operations; their times are not used"),
        ("zero duration", (start == end) & ~seen.untimed, "operations; they count, and cover nothing"),
        ("whole graphs", seen.whole_graph, "rows stand for a graph launch, its nodes are not known"),
        ("overlaps on a stream", _overlaps(timeline, seen), "operations start before the one ahead of them has ended: "
         "programmatic dependent launch, or nodes of a graph"),
        ("open ranges", open_ranges, "never closed: they last to the end of the recording"),
        ("backward ranges", backward_ranges, "end before they start: nothing was launched in them"),
    )  # fmt: skip
    for name, flags, sentence in counted:
        if count := int(np.count_nonzero(flags)):
            yield Finding(name, count, f"{name}: {count:,}, {sentence}")
    yield from _cut_off(timeline)


def _overlaps(timeline: Timeline, seen: Doubts) -> Flags:
    """Operations that start before an earlier one of their stream has ended, in no particular order."""
    timed = ~seen.untimed
    start, end = (timeline.operations[column].to_numpy()[timed] for column in ("start", "end"))
    stream = stream_codes(timeline)[timed]
    order = np.lexsort((end, start, stream))
    reached = running_maximum(stream[order], end[order])
    return (stream[order][1:] == stream[order][:-1]) & (start[order][1:] < reached[:-1])


def _cut_off(timeline: Timeline) -> Iterator[Finding]:
    """Ranges that were open when the recording began or ended."""
    if timeline.source.window is None or timeline.ranges.empty:
        return
    first, last = timeline.source.window
    over = (timeline.ranges["start"].to_numpy() < first) | (timeline.ranges["end"].to_numpy() > last)
    if count := int(over.sum()):
        yield Finding("cut-off ranges", count, f"cut-off ranges: {count:,}, beyond the recorded window")
