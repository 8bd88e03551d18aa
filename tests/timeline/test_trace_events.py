"""The columnar reader: exact numbers, whatever the blocks that the text comes in, and large traces."""

import json
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.timeline import trace_events
from harness.timeline.trace_events import DURATION, FIRST_ARGUMENT, NAME, START, Layout
from tests.benchmarks.kineto_trace import write
from tests.timeline.traces import event

LAYOUT = Layout(
    {"kernel": (0, 0), "other": (None, 0)}, {"id": (FIRST_ARGUMENT, 1)}, [(NAME, START, DURATION, FIRST_ARGUMENT)]
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("traces") / "trace.json"


def read(file, content, layout=LAYOUT):
    file.write_text(content)
    return trace_events.read(file, layout)


@given(st.lists(st.decimals(-(10**15), 10**15, places=6), min_size=1, max_size=20))
def test_decimal_numbers_become_nanoseconds_digit_by_digit(file, stamps):
    events = ",".join(f'{{"ph": "X", "cat": "kernel", "ts": {stamp:f}}}' for stamp in stamps)
    found = read(file, f'{{"traceEvents": [{events}]}}')
    assert found.tables[0][START].tolist() == [int(Decimal(stamp) * 1000) for stamp in stamps]


@given(st.integers(-(2**62), 2**62))
def test_integers_are_exact(file, value):
    found = read(file, json.dumps([event("kernel", "k", 0, 0, id=value)]))
    assert found.tables[0][FIRST_ARGUMENT].tolist() == [value]


@given(st.lists(st.text(), max_size=10))
def test_names_are_what_was_written(file, names):
    found = read(file, json.dumps([event("kernel", name, 0, 0) for name in names]))
    shown = [name.encode("utf-8", "replace").decode() for name in names]
    assert [found.names[index] for index in found.tables[0][NAME]] == shown


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON, JSON, st.integers(1, 40))
def test_any_json_beside_what_is_kept_is_passed_over(file, argument, member, block):
    document = {"first": member, "traceEvents": [event("kernel", "k", 1, 2, more=argument, id=7)], "last": member}
    trace_events._COMPRESSED = trace_events._BLOCK = block
    try:
        found = read(file, json.dumps(document))
    finally:
        trace_events._COMPRESSED, trace_events._BLOCK = 256 << 10, 8 << 20
    assert found.tables[0][FIRST_ARGUMENT].tolist() == [7]
    assert found.other == {"first": member, "last": member}
    assert not found.truncated


def test_events_are_counted_by_what_becomes_of_them(file):
    found = read(file, json.dumps([event("kernel", "k", 1, 2), event("other", "o", 1, 2), event("sql", "s", 1, 2)]))
    assert (found.events, found.known, found.bad, len(found.tables[0][START])) == (3, 1, 0, 1)


def test_a_generated_trace_repeats_a_real_one(file):
    write(150_000, file)
    found = trace_events.read(
        file, Layout({"kernel": (0, 0)}, {"correlation": (FIRST_ARGUMENT, 1)}, [(START, FIRST_ARGUMENT)])
    )
    start, correlation = found.tables[0][START], found.tables[0][FIRST_ARGUMENT]
    assert (found.events, found.truncated) == (150_000, False)
    real = 4_350
    assert np.array_equal(start[real : 2 * real] - start[:real], np.full(real, 1_000_000_000))
    assert len(set(correlation.tolist())) == len(correlation)
