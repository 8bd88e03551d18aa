"""Gaps and busy time: a partition of the window, whatever the order, the streams and the slicing of operations."""

import itertools
import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.timeline.gaps import NOTHING, Intervals, Windows, busy, gaps, hulls, idle, running_maximum, share

SPANS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 50)).map(lambda s: (s[0], s[0] + s[1])), max_size=12)
WINDOWS = st.tuples(st.integers(0, 200), st.integers(1, 100)).map(lambda s: (s[0], s[0] + s[1]))


def operations(spans, group=0):
    columns = np.array(spans, np.int64).reshape(-1, 2)
    return Intervals(np.full(len(spans), group), columns[:, 0], columns[:, 1])


def window(*of_groups):
    columns = np.array(of_groups, np.int64)
    return Windows(columns[:, 0], columns[:, 1])


def found(spans, within):
    made = gaps(operations(spans), window(within))
    return list(zip(made.start.tolist(), made.end.tolist(), strict=True))


def moments(spans):
    return {moment for start, end in spans for moment in range(start, end)}


def test_a_window_without_operations_is_one_gap():
    assert found([], (5, 9)) == [(5, 9)]


def test_the_gap_between_two_kernels_knows_what_ended_it():
    made = gaps(operations([(30, 40), (0, 10)]), window((0, 40)))
    assert (made.start.tolist(), made.end.tolist(), made.before.tolist()) == ([10], [30], [0])


def test_overlapping_operations_leave_no_gap():
    assert found([(0, 30), (5, 10), (20, 40)], (0, 40)) == []


def test_a_long_operation_hides_the_gaps_of_other_streams():
    assert busy(operations([(0, 100), (10, 20), (50, 60)]), window((0, 100))).tolist() == [100]


def test_busy_is_not_a_sum_of_durations():
    assert busy(operations([(0, 10), (0, 10)]), window((0, 10))).tolist() == [10]


def test_the_end_of_the_window_is_a_gap_with_nothing_after_it():
    made = gaps(operations([(0, 10)]), window((0, 15)))
    assert (made.start.tolist(), made.end.tolist(), made.before.tolist()) == ([10], [15], [NOTHING])


def test_operations_outside_the_window_do_not_count():
    assert found([(0, 3), (50, 60)], (10, 20)) == [(10, 20)]


def test_an_operation_of_no_length_covers_nothing():
    assert found([(0, 5), (7, 7), (9, 10)], (0, 10)) == [(5, 9)]


def test_groups_have_nothing_to_do_with_each_other():
    one, other = operations([(0, 100)], 0), operations([(10, 20), (30, 40)], 1)
    both = Intervals(*(np.concatenate(columns) for columns in zip(one, other, strict=True)))
    made = gaps(both, hulls(both, 2))
    assert (made.group.tolist(), made.start.tolist(), made.end.tolist()) == ([1], [20], [30])


def test_the_window_of_operations_goes_from_first_start_to_last_end():
    made = hulls(operations([(5, 30), (2, 10)]), 2)
    assert (made.start.tolist(), made.end.tolist()) == ([2, 0], [30, 0])


def test_times_of_the_epoch_and_beyond_keep_their_nanoseconds():
    epoch = 1_712_195_495_505_582_988
    assert found([(epoch, epoch + 1), (epoch + 3, epoch + 4)], (epoch, epoch + 4)) == [(epoch + 1, epoch + 3)]


@given(SPANS, WINDOWS)
def test_gaps_and_busy_partition_the_window(spans, within):
    covered = moments(spans) & moments([within])
    empty = moments(found(spans, within))
    assert covered | empty == moments([within])
    assert not covered & empty
    assert busy(operations(spans), window(within)).tolist() == [len(covered)]


@given(SPANS, WINDOWS)
def test_gaps_are_maximal_and_in_order(spans, within):
    made = found(spans, within)
    assert all(earlier[1] < later[0] for earlier, later in itertools.pairwise(made))
    assert all(end > start for start, end in made)


@given(SPANS, WINDOWS, st.randoms(use_true_random=False))
def test_the_order_of_operations_does_not_matter(spans, within, shuffler: random.Random):
    shuffled = list(spans)
    shuffler.shuffle(shuffled)
    assert found(shuffled, within) == found(spans, within)


@given(SPANS, WINDOWS, st.integers(0, 50))
def test_splitting_an_operation_changes_nothing(spans, within, cut):
    halves = [
        half for start, end in spans for middle in [min(start + cut, end)] for half in [(start, middle), (middle, end)]
    ]
    assert found(halves, within) == found(spans, within)


@given(SPANS, WINDOWS, st.integers(-(10**18), 10**18))
def test_shifting_everything_shifts_the_gaps(spans, within, by):
    moved = found([(start + by, end + by) for start, end in spans], (within[0] + by, within[1] + by))
    assert moved == [(start + by, end + by) for start, end in found(spans, within)]


@given(st.lists(st.tuples(SPANS, WINDOWS), min_size=1, max_size=5))
def test_many_groups_at_once_are_as_one_after_the_other(groups):
    both = Intervals(
        *(np.concatenate(c) for c in zip(*(operations(s, i) for i, (s, _) in enumerate(groups)), strict=True))
    )
    made = gaps(both, window(*(within for _, within in groups)))
    for index, (spans, within) in enumerate(groups):
        own = made.group == index
        assert list(zip(made.start[own].tolist(), made.end[own].tolist(), strict=True)) == found(spans, within)


@given(SPANS, st.lists(WINDOWS, min_size=1, max_size=6))
def test_the_share_of_a_window_is_what_its_own_gaps_are(spans, windows):
    whole = gaps(operations(spans), window((-10, 400)))
    kind = np.arange(len(whole.start)) % 3
    part = share(whole.start, whole.end, kind, 3, window(*windows))
    for index, within in enumerate(windows):
        own = found(spans, within)
        assert part.idle[index] == sum(end - start for start, end in own)
        assert part.last[index] - part.first[index] == len(own)
        assert part.largest[index] == max((end - start for start, end in own), default=0)
        of_kind = [moments(zip(whole.start[kind == k], whole.end[kind == k], strict=True)) for k in range(3)]
        assert part.by_kind[index].tolist() == [len(each & moments([within])) for each in of_kind]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-(2**62), 2**62)), max_size=20))
def test_the_running_maximum_starts_anew_in_each_group(rows):
    rows = sorted(rows, key=lambda row: row[0])
    group, values = np.array(rows, np.int64).reshape(-1, 2).T
    expected = [max(v for g, v in rows[: i + 1] if g == rows[i][0]) for i in range(len(rows))]
    assert running_maximum(group, values).tolist() == expected


def test_idle_sums_by_group():
    both = Intervals(np.array([0, 0, 1]), np.array([0, 5, 0]), np.array([1, 6, 9]))
    assert idle(gaps(both, hulls(both, 2)), 2).tolist() == [4, 0]
