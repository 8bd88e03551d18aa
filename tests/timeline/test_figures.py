"""Figures of whole timelines: they partition time, and depend neither on order nor on the clock's zero."""

import random
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.timeline.figures import CAUSE_COLUMNS, COUNTS, WINDOW, figures
from harness.timeline.schema import Source, timeline

EXAMPLES = settings(max_examples=25, deadline=None)
DEVICES, STREAMS, THREADS = 2, 2, 2


@st.composite
def timelines(draw):
    """Calls on two threads, most with operations on two streams of two devices; ranges that nest or overlap."""
    launches = draw(st.lists(st.tuples(*(st.integers(0, n) for n in (400, 20, 60, 40, DEVICES - 1, STREAMS - 1, THREADS - 1, 9)))))  # fmt: skip
    ranges = draw(
        st.lists(st.tuples(st.integers(0, 400), st.integers(0, 200), st.integers(0, THREADS - 1)), max_size=6)
    )
    called, duration, delay, length, device, stream, thread, kind = (
        np.array(column, np.int64) for column in (zip(*launches, strict=True) if launches else [()] * 8)
    )
    opened, lasting, by = (np.array(column, np.int64) for column in (zip(*ranges, strict=True) if ranges else [()] * 3))
    ids = np.arange(1, len(launches) + 1)
    names = np.array(["kernel"] * 8 + ["memcpy", "memset"], object)[kind]
    return timeline(
        Source("kineto", "", "measured", "trace"),
        operations={
            "kind": names, "name": "k", "start": called + delay, "end": called + delay + length, "device": device,
            "stream": stream, "process": 1, "correlation": ids,
        },
        calls={
            "name": "cudaLaunchKernel", "api": "runtime", "start": called, "end": called + duration, "process": 1,
            "thread": thread, "correlation": ids,
        },
        ranges={"name": "r", "start": opened, "end": opened + lasting, "process": 1, "thread": by},
    )  # fmt: skip


def shown(made):
    """Every figure of every range and device that does not name a time."""
    found = figures(made)
    columns = [*COUNTS, *(name for name in WINDOW if name != "window_start"), *CAUSE_COLUMNS.values()]
    return [
        sorted(map(tuple, table[[*head, *columns]].astype(object).where(table[[*head, *columns]].notna(), None).to_numpy().tolist()), key=str)
        for table, head in ((found.devices, ["device"]), (found.ranges, ["range", "device", "host_ns"]))
    ]  # fmt: skip


@EXAMPLES
@given(timelines())
def test_busy_and_idle_partition_every_window_and_causes_the_idle_time(made):
    found = figures(made)
    for table in (found.devices, found.ranges):
        rows = table[table["window_ns"].notna()]
        assert (rows["busy_ns"] + rows["idle_ns"] == rows["window_ns"]).all()
        assert (rows[list(CAUSE_COLUMNS.values())].sum(axis=1) == rows["idle_ns"]).all()
        assert (rows["largest_gap_ns"] <= rows["idle_ns"]).all()


@EXAMPLES
@given(timelines())
def test_every_range_is_what_a_walk_over_its_moments_says(made):
    operations, calls = made.operations, made.calls.set_index("correlation")
    for row in figures(made).ranges.to_dict("records"):
        opened = made.ranges.iloc[row["range"]]
        own = [
            op
            for op in operations.to_dict("records")
            if (call := calls.loc[op["correlation"]])["thread"] == opened["thread"]
            and opened["start"] <= call["start"] <= opened["end"] - (opened["end"] > opened["start"])
            and row["device"] in (op["device"], -1)
        ]
        assert row["launches"] == sum(op["kind"] == "kernel" for op in own)
        if not own:
            continue
        first, last = min(op["start"] for op in own), max(op["end"] for op in own)
        here = operations[operations["device"] == row["device"]].to_dict("records")
        covered = {moment for op in here for moment in range(max(op["start"], first), min(op["end"], last))}
        assert (row["window_ns"], row["busy_ns"]) == (last - first, len(covered))


@EXAMPLES
@given(timelines(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(made, shuffler: random.Random):
    def shuffled(frame):
        order = list(range(len(frame)))
        shuffler.shuffle(order)
        return frame.iloc[order].reset_index(drop=True)

    assert shown(replace(made, operations=shuffled(made.operations), calls=shuffled(made.calls))) == shown(made)


@EXAMPLES
@given(timelines(), st.integers(1, 10**18))
def test_the_zero_of_the_clock_does_not_matter(made, by):
    def moved(frame):
        return frame.assign(start=frame["start"] + by, end=frame["end"] + by)

    assert shown(
        replace(made, operations=moved(made.operations), calls=moved(made.calls), ranges=moved(made.ranges))
    ) == shown(made)


@EXAMPLES
@given(timelines())
def test_a_range_inside_another_owns_no_more(made):
    found = figures(made)
    rows = made.ranges.to_dict("records")
    owned = [set(found.launched_in(np.array([index])).tolist()) for index in range(len(rows))]
    for inner, one in zip(owned, rows, strict=True):
        for outer, other in zip(owned, rows, strict=True):
            if one["thread"] == other["thread"] and other["start"] <= one["start"] and one["end"] <= other["end"]:
                assert inner <= outer or one["end"] == one["start"]
