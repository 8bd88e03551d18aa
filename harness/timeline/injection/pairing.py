"""Which end belongs to which beginning: push and pop on a stack, start and end by id.

In: arrays of events, each thread's in its order. Out: index pairs. Vectorised: a recording holds a million of them.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Indexes: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]
NEVER = -1


class Pairs(NamedTuple):
    """`end[i]` closes `begin[i]`, NEVER where nothing does; `strays` are ends that close nothing."""

    begin: Indexes
    end: Indexes
    strays: Indexes


def by_stack(push: Flags, stack: Indexes) -> Pairs:
    """Pair pushes (else pops) of each stack: a pop closes the latest push of its stack that is still open."""
    if not len(push):
        return Pairs(*(np.empty(0, np.int64) for _ in Pairs._fields))
    order = np.argsort(stack, kind="stable")
    pushes, group = push[order], _numbered(stack[order])
    steps = np.where(pushes, 1, -1)
    first = np.flatnonzero(np.diff(group, prepend=-1))
    level = np.cumsum(steps)
    level -= (level - steps)[first][group]
    ground, ground_before = _lowest(level, group, first)  # a pop on an empty stack lowers the ground
    stray = ~pushes & (level < ground_before)
    depth = level - ground + ~pushes
    kept = np.flatnonzero(~stray)
    kept = kept[np.lexsort((kept, depth[kept], group[kept]))]
    # at one depth of one stack pushes and pops take turns, and a push comes first
    begin = np.flatnonzero(pushes[kept])
    following = np.append(order[kept], NEVER)[begin + 1]
    closed = ~np.append(pushes[kept], True)[begin + 1]
    return Pairs(order[kept[begin]], np.where(closed, following, NEVER), order[stray])


def by_id(start: Flags, identity: npt.NDArray[np.uint64]) -> Pairs:
    """Pair starts (else ends) that carry one id, wherever they happened; of several ends the first counts."""
    begin, ends = np.flatnonzero(start), np.flatnonzero(~start)
    begin = begin[np.argsort(identity[begin], kind="stable")]
    end = np.full(len(begin), NEVER)
    place = np.searchsorted(identity[begin], identity[ends])
    known = place < len(begin)
    known[known] = identity[begin][place[known]] == identity[ends][known]
    _, firsts = np.unique(place[known], return_index=True)
    chosen = np.flatnonzero(known)[firsts]
    end[place[chosen]] = ends[chosen]
    return Pairs(begin, end, np.setdiff1d(ends, ends[chosen]))


def _numbered(sorted_values: Indexes) -> Indexes:
    """0 for the first value and those equal to it, 1 for the next, …"""
    return np.cumsum(np.diff(sorted_values, prepend=sorted_values[0]) != 0)


def _lowest(level: Indexes, group: Indexes, first: Indexes) -> tuple[Indexes, Indexes]:
    """The lowest level of a group so far, never above 0: with this event, and before it."""
    shift = group * (len(level) + 1)  # puts every group below the one before it
    ground = np.minimum.accumulate(np.minimum(level, 0) - shift) + shift
    before = np.concatenate(([0], ground[:-1]))
    before[first] = 0
    return ground, before
