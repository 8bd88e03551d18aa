"""Lanes: intervals that overlap go on different ones, so that each can be drawn as a row of boxes.

In: intervals in groups. Out: the lane of each within its group, 0 wherever nothing overlaps. Only intervals that do
overlap are looked at one by one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.timeline.gaps import running_maximum

Ints = npt.NDArray[np.int64]


def lanes(group: Ints, start: Ints, end: Ints, *, nested: bool = False) -> Ints:
    """The lowest lane that is free from `start` on; with `nested`, one whose open intervals all last until `end`."""
    order = np.lexsort((-end if nested else end, start, group))
    lane = np.zeros(len(order), np.int64)
    if not len(order):
        return lane
    opened, closed = start[order], end[order]
    _, groups = np.unique(group[order], return_inverse=True)
    reached = running_maximum(groups, closed)
    first = np.ones(len(order), bool)  # of intervals that overlap one another
    first[1:] = (groups[1:] != groups[:-1]) | (opened[1:] >= reached[:-1])
    edges = np.append(np.flatnonzero(first), len(order))
    several = np.flatnonzero(np.diff(edges) > 1)
    place = _nested if nested else _apart
    for left, right in zip(edges[several].tolist(), edges[several + 1].tolist(), strict=True):
        lane[order[left:right]] = place(opened[left:right].tolist(), closed[left:right].tolist())
    return lane


def _apart(starts: list[int], ends: list[int]) -> list[int]:
    free: list[int] = []  # when each lane is free again
    found = []
    for start, end in zip(starts, ends, strict=True):
        lane = next((index for index, time in enumerate(free) if time <= start), len(free))
        free[lane : lane + 1] = [end]
        found.append(lane)
    return found


def _nested(starts: list[int], ends: list[int]) -> list[int]:
    stacks: list[list[int]] = []  # ends of the intervals that are open on each lane
    found = []
    for start, end in zip(starts, ends, strict=True):
        for stack in stacks:
            while stack and stack[-1] <= start:
                stack.pop()
        lane = next((index for index, stack in enumerate(stacks) if not stack or end <= stack[-1]), len(stacks))
        if lane == len(stacks):
            stacks.append([])
        stacks[lane].append(end)
        found.append(lane)
    return found
