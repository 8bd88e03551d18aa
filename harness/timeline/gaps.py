"""Idle gaps of devices: where, inside a window, nothing ran.

In: intervals of operations in groups (one a device), and a window for each group. Out: the gaps of all groups at once,
in order of group and time; and what of them lies in smaller windows. Times are integer nanoseconds on one clock.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

NOTHING = -1


class Intervals(NamedTuple):
    """Operations, each in a group; they may overlap, on any streams, and reach beyond their group's window."""

    group: Ints
    start: Ints
    end: Ints


class Windows(NamedTuple):
    """The window of each group, by its number."""

    start: Ints
    end: Ints


class Gaps(NamedTuple):
    """Maximal idle intervals; `before` is the operation that ends one, NOTHING at the window's end."""

    group: Ints
    start: Ints
    end: Ints
    before: Ints

    @property
    def length(self) -> Ints:
        return self.end - self.start


def gaps(operations: Intervals, windows: Windows) -> Gaps:
    """Maximal intervals of each window that no operation of its group covers."""
    rows, start, end = _inside(operations, windows)
    group = operations.group[rows]
    covered = running_maximum(group, end)
    first = np.ones(len(rows), bool)
    first[1:] = group[1:] != group[:-1]
    before = np.where(first, windows.start[group], np.roll(covered, 1)) if len(rows) else covered
    opens = start > before
    last = np.roll(first, -1)
    tails = _tails(group[last], covered[last], windows)
    found = Gaps(
        np.concatenate([group[opens], tails.group]),
        np.concatenate([before[opens], tails.start]),
        np.concatenate([start[opens], tails.end]),
        np.concatenate([rows[opens], tails.before]),
    )
    order = np.lexsort((found.start, found.group))
    return Gaps(*(column[order] for column in found))


def idle(found: Gaps, groups: int) -> Ints:
    """Length of each window that nothing covers."""
    return _sums(found.group, found.length, groups)


def busy(operations: Intervals, windows: Windows) -> Ints:
    """Length of the union of each group's operations inside its window. Never a sum of durations."""
    return windows.end - windows.start - idle(gaps(operations, windows), len(windows.start))


def hulls(operations: Intervals, groups: int) -> Windows:
    """From the first start to the last end of each group; a group without operations has an empty window at 0."""
    starts, ends = np.full(groups, np.iinfo(np.int64).max), np.full(groups, np.iinfo(np.int64).min)
    np.minimum.at(starts, operations.group, operations.start)
    np.maximum.at(ends, operations.group, operations.end)
    empty = starts > ends
    return Windows(np.where(empty, 0, starts), np.where(empty, 0, ends))


class Share(NamedTuple):
    """What of a sequence of gaps lies in each of many windows."""

    first: Ints  # the first gap that reaches into the window
    last: Ints  # behind the last one
    idle: Ints
    largest: Ints
    by_kind: Ints  # idle time by the kind of gap: a row for each window


def share(start: Ints, end: Ints, kind: Ints, kinds: int, windows: Windows) -> Share:
    """Parts of gaps, which are disjoint and in order of time, that lie in the windows, which may nest and overlap.

    Sums up to a window's edges are looked up, so that the cost does not grow with the nesting.
    """
    first = np.searchsorted(end, windows.start, side="right")
    last = np.maximum(first, np.searchsorted(start, windows.end, side="left"))
    last = np.where(windows.end > windows.start, last, first)
    head, tail = _cut(start, end, first, last, windows)
    length = end - start
    by_kind = np.empty((len(first), kinds), np.int64)
    for index in range(kinds):
        sums = np.concatenate([[0], np.cumsum(np.where(kind == index, length, 0))])
        by_kind[:, index] = sums[last] - sums[first]
    some = np.flatnonzero(last > first)
    by_kind[some, kind[first[some]]] -= head[some]
    by_kind[some, kind[last[some] - 1]] -= tail[some]
    return Share(first, last, by_kind.sum(axis=1), _largest(start, end, first, last, windows), by_kind)


def _cut(start: Ints, end: Ints, first: Ints, last: Ints, windows: Windows) -> tuple[Ints, Ints]:
    """How much of the first and of the last gap lies outside."""
    head, tail = np.zeros(len(first), np.int64), np.zeros(len(first), np.int64)
    some = last > first
    head[some] = np.maximum(windows.start[some] - start[first[some]], 0)
    tail[some] = np.maximum(end[last[some] - 1] - windows.end[some], 0)
    return head, tail


def _largest(start: Ints, end: Ints, first: Ints, last: Ints, windows: Windows) -> Ints:
    """The longest part of a gap in each window: those at the edges cut, those between whole."""
    largest = np.zeros(len(first), np.int64)
    some = np.flatnonzero(last > first)
    for gap in (first[some], last[some] - 1):
        inside = np.minimum(end[gap], windows.end[some]) - np.maximum(start[gap], windows.start[some])
        largest[some] = np.maximum(largest[some], inside)
    between = np.flatnonzero(last - first > 2)
    if len(between):
        edges = np.column_stack([first[between] + 1, last[between] - 1]).ravel()
        largest[between] = np.maximum(largest[between], np.maximum.reduceat(np.append(end - start, 0), edges)[::2])
    return largest


def running_maximum(group: Ints, values: Ints) -> Ints:
    """The largest value so far within its group; rows are sorted by group.

    Ranks take the values' place, so that group and value fit one integer however large the values are.
    """
    if not len(group) or group[0] == group[-1]:
        return np.maximum.accumulate(values)
    order = np.argsort(values, kind="stable")
    rank = np.empty(len(values), np.int64)
    rank[order] = np.arange(len(values))
    offset = group * len(values)
    return values[order][np.maximum.accumulate(rank + offset) - offset]


def _inside(operations: Intervals, windows: Windows) -> tuple[Ints, Ints, Ints]:
    """Rows that cover a part of their window, in order of group and start; starts and ends are cut to it."""
    start = np.maximum(operations.start, windows.start[operations.group])
    end = np.minimum(operations.end, windows.end[operations.group])
    rows = np.flatnonzero(start < end)
    rows = rows[np.lexsort((operations.end[rows], start[rows], operations.group[rows]))]
    return rows, start[rows], end[rows]


def _tails(group: Ints, covered: Ints, windows: Windows) -> Gaps:
    """The gap at the end of each window: all of it where the group has nothing inside."""
    start = windows.start.copy()
    start[group] = covered
    rows = np.flatnonzero(start < windows.end)
    return Gaps(rows, start[rows], windows.end[rows], np.full(len(rows), NOTHING))


def _sums(group: Ints, values: Ints, groups: int) -> Ints:
    sums = np.zeros(groups, np.int64)
    np.add.at(sums, group, values)
    return sums
