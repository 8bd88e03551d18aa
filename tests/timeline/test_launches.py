"""Which call submitted what, and which range owns it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.timeline.launches import NOBODY, launched, launches
from tests.timeline.traces import annotation, call, kernel, trace


def owned(timeline):
    """Correlation ids that each range launched, by the range's name."""
    pairs = launched(timeline, launches(timeline))
    names = timeline.ranges["name"].tolist()
    ids = timeline.operations["correlation"].to_numpy()
    return {name: sorted(ids[pairs.operation[pairs.range == i]].tolist()) for i, name in enumerate(names)}


def test_an_operation_knows_when_its_call_was_made_and_returned():
    found = launches(trace(call(10, 1), kernel(20, 1)))
    assert (found.entered.tolist(), found.returned.tolist()) == ([10_000], [12_000])


def test_an_operation_without_its_call_is_an_orphan():
    found = launches(trace(call(10, 1), kernel(20, 1), kernel(30, 99)))
    assert found.call.tolist() == [0, NOBODY]


def test_a_correlation_of_zero_joins_nothing():
    assert launches(trace(call(10, 0), kernel(20, 0))).call.tolist() == [NOBODY]


def test_calls_of_another_process_are_not_joined():
    timeline = trace(call(10, 1, pid=8), call(10, 2, pid=9), call(50, 1, pid=9), kernel(60, 2))
    assert launches(timeline).entered.tolist() == [10_000]


@pytest.mark.parametrize("correlation", [1, 1 << 45, 2**62])
def test_correlation_ids_may_be_large(correlation):
    assert launches(trace(call(10, correlation), call(20, 2), kernel(60, correlation))).call.tolist() == [0]


def test_a_range_owns_what_its_own_thread_launched_inside_it():
    timeline = trace(
        annotation("work", 10, 100),
        call(5, 1), call(20, 2), call(30, 3, tid=2), call(200, 4), call(40, 5, pid=2),
        *(kernel(300 + 10 * i, i) for i in range(1, 6)),
    )  # fmt: skip
    assert owned(timeline) == {"work": [2]}


def test_a_range_is_half_open():
    timeline = trace(
        annotation("work", 10, 20),
        call(10, 1),
        call(29.999, 2),
        call(30, 3),
        *(kernel(40 + 10 * i, i) for i in (1, 2, 3)),
    )
    assert owned(timeline) == {"work": [1, 2]}


@given(st.lists(st.integers(0, 60), max_size=12), st.tuples(st.integers(0, 50), st.integers(0, 10)))
def test_what_an_inner_range_launched_the_outer_one_did_too(calls, inner):
    timeline = trace(
        annotation("outer", 0, 60), annotation("inner", *inner),
        *(call(at, index + 1) for index, at in enumerate(calls)), *(kernel(100 + i, i + 1) for i in range(len(calls))),
    )  # fmt: skip
    found, start, end = owned(timeline), inner[0], sum(inner)
    assert found["inner"] == [i + 1 for i, at in enumerate(calls) if start <= at < max(end, start + 0.001)]
    assert set(found["inner"]) <= set(found["outer"])


def test_nested_ranges_own_what_is_inside_them():
    timeline = trace(
        annotation("outer", 0, 100), annotation("inner", 10, 20), annotation("beside", 40, 5),
        call(5, 1), call(15, 2), call(42, 3), kernel(200, 1), kernel(210, 2), kernel(220, 3),
    )  # fmt: skip
    assert owned(timeline) == {"outer": [1, 2, 3], "inner": [2], "beside": [3]}


def test_ranges_of_two_threads_may_overlap():
    timeline = trace(
        annotation("one", 0, 100, tid=1), annotation("two", 0, 100, tid=2),
        call(10, 1, tid=1), call(11, 2, tid=2), kernel(50, 2), kernel(60, 1),
    )  # fmt: skip
    assert owned(timeline) == {"one": [1], "two": [2]}


def test_all_nodes_of_a_graph_belong_to_the_range_of_its_launch():
    timeline = trace(
        annotation("work", 0, 100), call(10, 1, name="cudaGraphLaunch"), *(kernel(20 + 10 * i, 1) for i in range(4))
    )
    assert owned(timeline) == {"work": [1, 1, 1, 1]}


def test_a_timeline_without_calls_or_operations_has_no_pairs():
    assert owned(trace(annotation("work", 0, 10))) == {"work": []}
    assert owned(trace(kernel(0, 1))) == {}
