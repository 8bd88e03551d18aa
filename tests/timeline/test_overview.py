"""What is shown of a trace: ranges by name, one by one, side by side."""

import pandas as pd
import pytest

from harness.errors import FuseproofError
from harness.timeline.figures import figures
from harness.timeline.overview import overview
from harness.timeline.schema import Source, timeline
from tests.timeline.traces import annotation, call, kernel, trace


def steps(*launches, name="step", start=0):
    """One range after the other, 100 µs each: so many kernels of 5 µs, 5 µs apart."""
    for index, count in enumerate(launches):
        begin = start + 100 * index
        yield annotation(name, begin, 90)
        for i in range(count):
            yield call(begin + 1 + i, begin + i + 1, dur=0.5)
            yield kernel(begin + 20 + 10 * i, begin + i + 1, name=f"k{i}")


def shown(*events, names=(), device=None):
    return overview(figures(trace(*events), device), names)


def test_ranges_of_one_name_are_summed():
    (row,) = shown(*steps(2, 3)).ranges.to_dict("records")
    assert (row["label"], row["ranges"], row["launches"], row["host_ns"]) == ("step", 2, 5, 180_000)
    assert (row["window_ns"], row["busy_ns"], row["idle_ns"], row["gaps"]) == (40_000, 25_000, 15_000, 3)


def test_ranges_that_are_asked_for_come_one_by_one():
    rows = shown(*steps(2, 3), *steps(1, name="other", start=500), names=["step"]).ranges
    assert rows[["label", "launches"]].to_numpy().tolist() == [["step #1", 2], ["step #2", 3]]


def test_one_range_needs_no_number():
    assert shown(*steps(2), names=["step"]).ranges["label"].tolist() == ["step"]


def test_kernels_are_those_of_the_range():
    found = shown(*steps(2), *steps(3, name="other", start=500), names=["step"])
    (kernels,) = found.kernels
    assert kernels.title == "step"
    assert kernels.table[["kernel", "count", "total_ns"]].to_numpy().tolist() == [["k0", 1, 5_000], ["k1", 1, 5_000]]


def test_kernels_of_everything_know_how_long_they_waited():
    (kernels,) = shown(*steps(2)).kernels
    assert kernels.table["delay_ns"].tolist() == [19_000, 28_000]
    assert kernels.table["mean_ns"].tolist() == [5_000, 5_000]


def test_reference_and_fused_find_each_other_by_name():
    events = [*steps(4, name="gelu reference"), *steps(2, name="gelu fused", start=500)]
    (pair,) = shown(*events).comparisons
    assert (pair.name, pair.reference["launches"], pair.fused["launches"]) == ("gelu", 4, 2)
    assert (pair.speedup("busy_ns"), pair.speedup("window_ns")) == (2.0, pytest.approx(35 / 15))
    assert len(shown(*events, names=["gelu reference"]).comparisons) == 0


def test_two_names_are_compared_a_range_each():
    events = [*steps(4, 4, name="slow"), *steps(2, name="fast", start=500)]
    (pair,) = shown(*events, names=["slow", "fast"]).comparisons
    assert (pair.name, pair.speedup("busy_ns")) == ("slow → fast", 2.0)


def test_ranges_that_launched_nothing_are_counted():
    found = shown(annotation("idle", 0, 5), annotation("idle", 6, 5), *steps(1, start=20))
    assert (found.silent, found.ranges["label"].tolist()) == (2, ["step"])


def test_an_asked_for_range_is_shown_even_if_it_launched_nothing():
    (row,) = shown(annotation("idle", 0, 5), *steps(1, start=20), names=["idle"]).ranges.to_dict("records")
    assert (row["launches"], row["device"]) == (0, -1)
    assert pd.isna(row["window_ns"])


def test_a_sum_with_a_withheld_part_is_withheld():
    lost = call(150, 999)
    (row,) = shown(*steps(1, 1), lost).ranges.to_dict("records")
    assert row["withheld"] == "launch calls in it without an operation: 1 (in 1 of 2)"
    assert pd.isna(row["launches"])
    assert row["host_ns"] == 180_000


def test_a_range_on_two_devices_has_a_row_for_each():
    events = [annotation("step", 0, 50), call(1, 1), call(4, 2), kernel(10, 1, device=0), kernel(12, 2, device=1)]
    assert shown(*events).ranges[["device", "launches"]].to_numpy().tolist() == [[0, 1], [1, 1]]
    assert shown(*events, device=1).ranges["device"].tolist() == [1]
    assert shown(*events, device=1).figures.devices["device"].tolist() == [1]


def test_a_device_that_did_nothing_is_one_sentence():
    with pytest.raises(FuseproofError, match=r"trace.json has nothing on device 3: it has operations on 0"):
        shown(*steps(1), device=3)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("stop", "trace.json has no range named 'stop': there are 'step' and others"),
        ("x", "there are 'a', 'b', 'c' and others"),
    ],
)
def test_an_unknown_name_is_one_sentence_with_the_nearest(name, sentence):
    with pytest.raises(FuseproofError, match=sentence):
        shown(*steps(1), *(annotation(other, 0, 1) for other in "abcd"), names=[name])


def test_a_trace_without_ranges_says_so():
    with pytest.raises(FuseproofError, match="it has no ranges at all"):
        shown(call(0, 1), kernel(5, 1), names=["step"])


def nvtx(*ranges):
    name, domain, start, end = zip(*ranges, strict=True)
    columns = {
        "name": list(name),
        "domain": list(domain),
        "start": list(start),
        "end": list(end),
        "process": 1,
        "thread": 1,
    }
    calls = {"name": "cuLaunchKernel", "start": [5], "end": [6], "process": 1, "thread": 1, "correlation": [1]}
    operations = {
        "kind": "kernel",
        "name": "k",
        "start": [10],
        "end": [20],
        "device": 0,
        "process": 1,
        "correlation": [1],
    }
    made = timeline(Source("nsys", "", "measured", "session"), ranges=columns, calls=calls, operations=operations)
    return figures(made)


def test_ranges_of_a_domain_carry_its_name_and_answer_without_it():
    found = nvtx(("step", "mine", 0, 9), ("step", "", 0, 9))
    assert overview(found).ranges["label"].tolist() == ["mine:step", "step"]
    assert overview(found, ["mine:step"]).ranges["label"].tolist() == ["mine:step"]
    assert overview(nvtx(("step", "mine", 0, 9)), ["step"]).ranges["label"].tolist() == ["mine:step"]


def test_ranges_that_torch_numbers_are_one_name():
    found = nvtx(("aten::mm, seq = 1, op_id = 7", "", 0, 9), ("aten::mm, seq = 2, op_id = 8", "", 1, 8))
    assert overview(found).ranges[["label", "ranges"]].to_numpy().tolist() == [["aten::mm", 2]]
    assert len(overview(found, ["aten::mm, seq = 2, op_id = 8"]).ranges) == 1


def test_a_range_that_was_never_closed_has_no_host_time():
    (row,) = overview(nvtx(("step", "", 0, -1))).ranges.to_dict("records")
    assert row["launches"] == 1
    assert pd.isna(row["host_ns"])
