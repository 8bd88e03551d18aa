"""Gaps and busy time: a partition of the window, whatever the order, the streams and the slicing of operations."""

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from harness.timeline.gaps import Cause, busy, cause, gaps, idle
from harness.timeline.operation import Interval, Operation, window


def op(start, end, *, stream=0, submitted=None, kind="kernel", correlation=0):
    return Operation(kind, "k", start, end, stream, start if submitted is None else submitted, correlation)


SPANS = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 50), st.integers(0, 2)).map(
        lambda span: op(span[0], span[0] + span[1], stream=span[2])
    ),
    max_size=12,
)
WINDOWS = st.tuples(st.integers(0, 200), st.integers(1, 100)).map(lambda span: Interval(span[0], span[0] + span[1]))


def intervals(found):
    return [(gap.start, gap.end) for gap in found]


def test_a_window_without_operations_is_one_gap():
    assert intervals(gaps([], Interval(5, 9))) == [(5, 9)]


def test_the_gap_between_two_kernels_knows_what_ended_it():
    second = op(30, 40)
    (gap,) = gaps([op(0, 10), second], Interval(0, 40))
    assert (gap.start, gap.end, gap.before) == (10, 30, second)


def test_overlapping_operations_leave_no_gap():
    assert gaps([op(0, 30, stream=1), op(5, 10), op(20, 40)], Interval(0, 40)) == []


def test_a_long_operation_hides_the_gaps_of_other_streams():
    assert busy([op(0, 100, stream=1), op(10, 20), op(50, 60)], Interval(0, 100)) == 100


def test_busy_is_not_a_sum_of_durations():
    assert busy([op(0, 10), op(0, 10, stream=1)], Interval(0, 10)) == 10


def test_the_end_of_the_window_is_a_gap_with_nothing_after_it():
    (gap,) = gaps([op(0, 10)], Interval(0, 15))
    assert (gap.start, gap.end, gap.before) == (10, 15, None)


def test_operations_outside_the_window_do_not_count():
    assert intervals(gaps([op(0, 3), op(50, 60)], Interval(10, 20))) == [(10, 20)]


def test_the_window_of_operations_goes_from_first_start_to_last_end():
    assert window([op(5, 30), op(2, 10)]) == Interval(2, 30)
    assert window([]) is None


@given(SPANS, WINDOWS)
def test_gaps_and_busy_partition_the_window(operations, within):
    covered = {moment for one in operations for moment in range(max(one.start, within.start), min(one.end, within.end))}
    idle_moments = {moment for gap in gaps(operations, within) for moment in range(gap.start, gap.end)}
    assert covered | idle_moments == set(range(within.start, within.end))
    assert not covered & idle_moments
    assert busy(operations, within) == len(covered)
    assert busy(operations, within) + idle(operations, within) == within.length


@given(SPANS, WINDOWS)
def test_gaps_are_maximal_and_in_order(operations, within):
    found = gaps(operations, within)
    assert all(earlier.end < later.start for earlier, later in pairwise(found))
    assert all(gap.length > 0 for gap in found)


@given(SPANS, WINDOWS, st.randoms(use_true_random=False))
def test_the_order_of_operations_does_not_matter(operations, within, shuffler: random.Random):
    shuffled = list(operations)
    shuffler.shuffle(shuffled)
    assert intervals(gaps(shuffled, within)) == intervals(gaps(operations, within))


@given(SPANS, WINDOWS, st.integers(0, 50))
def test_splitting_an_operation_changes_nothing(operations, within, cut):
    halves = [
        half
        for one in operations
        for half in (op(one.start, min(one.start + cut, one.end)), op(min(one.start + cut, one.end), one.end))
    ]
    assert intervals(gaps(halves, within)) == intervals(gaps(operations, within))


@given(SPANS, WINDOWS, st.integers(0, 1000))
def test_shifting_everything_shifts_the_gaps(operations, within, by):
    shifted = [op(one.start + by, one.end + by) for one in operations]
    moved = gaps(shifted, Interval(within.start + by, within.end + by))
    assert intervals(moved) == [(start + by, end + by) for start, end in intervals(gaps(operations, within))]


def cause_of(first, second, waits=()):
    (gap,) = gaps([first, second], Interval(first.start, second.end))
    return cause(gap, [first, second], waits)


def test_a_kernel_submitted_after_the_gap_began_is_host_bound():
    assert cause_of(op(0, 10), op(30, 40, submitted=25)) is Cause.HOST


def test_a_kernel_submitted_in_time_that_starts_late_is_launch_latency():
    assert cause_of(op(0, 10), op(12, 40, submitted=3)) is Cause.LAUNCH


def test_a_kernel_that_waited_for_another_stream_is_a_dependency():
    assert cause_of(op(0, 10, stream=1), op(12, 40, stream=2, submitted=3)) is Cause.DEPENDENCY


def test_a_copy_at_either_side_is_a_copy():
    assert cause_of(op(0, 10, kind="memcpy"), op(30, 40, submitted=25)) is Cause.COPY
    assert cause_of(op(0, 10), op(30, 40, submitted=25, kind="memcpy")) is Cause.COPY


def test_a_host_that_waited_for_the_device_is_a_synchronisation():
    assert cause_of(op(0, 10), op(30, 40, submitted=25), waits=[Interval(5, 12)]) is Cause.COPY


def test_a_gap_at_the_end_has_no_next_operation():
    (gap,) = gaps([op(0, 10)], Interval(0, 20))
    assert cause(gap, [op(0, 10)]) is Cause.END
