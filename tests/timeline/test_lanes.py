"""Lanes: what overlaps is drawn apart."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.timeline.lanes import lanes

INTERVALS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(0, 12)).map(
        lambda each: (each[0], each[1], sum(each[1:]))
    ),
    max_size=30,
)


def placed(intervals, **options):
    group, start, end = (
        (np.array(column, np.int64) for column in zip(*intervals, strict=True))
        if intervals
        else [np.zeros(0, np.int64)] * 3
    )
    by_lane = {}
    for (in_group, *times), lane in zip(intervals, lanes(group, start, end, **options).tolist(), strict=True):
        by_lane.setdefault((in_group, lane), []).append(tuple(times))
    return by_lane


@given(INTERVALS)
def test_intervals_of_a_lane_stand_apart(intervals):
    for on_lane in placed(intervals).values():
        ordered = sorted(on_lane)
        assert all(one[1] <= other[0] for one, other in pairwise(ordered))


@given(INTERVALS)
def test_there_are_as_many_lanes_as_intervals_at_once(intervals):
    lasting = [each for each in intervals if each[1] < each[2]]
    for in_group in {each[0] for each in lasting}:
        own = [each[1:] for each in lasting if each[0] == in_group]
        most = max(sum(start <= time < end for start, end in own) for time, _ in own)
        assert len({lane for group, lane in placed(lasting) if group == in_group}) == most


@given(INTERVALS)
def test_nested_intervals_of_a_lane_lie_inside_one_another_or_apart(intervals):
    for on_lane in placed(intervals, nested=True).values():
        for one in on_lane:
            for other in on_lane:
                apart = one[1] <= other[0] or other[1] <= one[0]
                inside = one[0] <= other[0] and other[1] <= one[1]
                around = other[0] <= one[0] and one[1] <= other[1]
                assert apart or inside or around


def test_what_nests_stays_on_one_lane():
    assert set(placed([(0, 0, 10), (0, 1, 9), (0, 1, 4), (0, 4, 9), (0, 10, 12)], nested=True)) == {(0, 0)}


def test_what_overlaps_without_nesting_gets_a_lane_of_its_own():
    assert placed([(0, 0, 10), (0, 5, 15)], nested=True) == {(0, 0): [(0, 10)], (0, 1): [(5, 15)]}
