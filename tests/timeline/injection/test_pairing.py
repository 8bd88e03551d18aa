"""Pairing without loops gives what a stack and a dictionary give."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.timeline.injection.pairing import NEVER, by_id, by_stack


def with_stacks(events):
    open_pushes, pairs, strays = {}, {}, []
    for index, (push, stack) in enumerate(events):
        if push:
            pairs[index] = NEVER
            open_pushes.setdefault(stack, []).append(index)
        elif open_pushes.get(stack):
            pairs[open_pushes[stack].pop()] = index
        else:
            strays.append(index)
    return pairs, strays


def with_a_dictionary(events):
    started = {identity: index for index, (start, identity) in enumerate(events) if start}
    pairs, strays = dict.fromkeys(started.values(), NEVER), []
    for index, (start, identity) in enumerate(events):
        if start:
            continue
        if pairs.get(started.get(identity)) == NEVER:
            pairs[started[identity]] = index
        else:
            strays.append(index)
    return pairs, strays


def as_plain(pairs):
    return dict(zip(pairs.begin.tolist(), pairs.end.tolist(), strict=True)), sorted(pairs.strays.tolist())


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), max_size=60))
def test_a_pop_closes_the_latest_open_push_of_its_stack(events):
    push = np.array([push for push, _ in events], bool)
    stack = np.array([stack for _, stack in events], np.int64)
    assert as_plain(by_stack(push, stack)) == with_stacks(events)


@given(st.lists(st.integers(1, 8), unique=True), st.lists(st.integers(1, 8)), st.randoms())
def test_an_end_closes_the_start_of_its_id_once(starts, ends, random):
    events = [(True, identity) for identity in starts] + [(False, identity) for identity in ends]
    random.shuffle(events)
    start = np.array([start for start, _ in events], bool)
    identity = np.array([identity for _, identity in events], np.uint64)
    assert as_plain(by_id(start, identity)) == with_a_dictionary(events)
