"""What a trace cannot answer is withheld, with the reason; what is wrong with it is counted."""

import pandas as pd
import pytest

from harness.timeline.figures import figures
from tests.timeline.traces import annotation, call, event, kernel, read, text, trace

UNIX = 1_700_000_000_000_000  # µs


def findings(timeline):
    return {finding.name: finding.count for finding in figures(timeline).findings}


def reasons(timeline):
    """Why each range's launches are withheld, and why its window is."""
    found = figures(timeline).ranges
    return {row["name"]: (row["withheld"], row["withheld_window"]) for row in found.to_dict("records")}


def test_a_whole_trace_has_nothing_to_report():
    timeline = trace(annotation("work", 0, 50), call(1, 1), kernel(5, 1), call(8, 2), kernel(12, 2))
    assert findings(timeline) == {}
    assert reasons(timeline) == {"work": ("", "")}


ORPHAN = "operations without a call, perhaps launched in it: 1"


def test_an_orphan_is_doubted_only_where_its_call_may_have_been_made():
    timeline = trace(
        annotation("before", 0, 10), annotation("around", 12, 10), annotation("behind", 30, 10),
        call(1, 1), kernel(5, 1), kernel(24, 99), call(31, 2), kernel(36, 2),
    )  # fmt: skip
    assert findings(timeline) == {"orphan operations": 1}
    # before: it may have been launched behind the call of its predecessor; behind: it ran before that range began
    assert reasons(timeline) == {"before": (ORPHAN, ORPHAN), "around": (ORPHAN, ORPHAN), "behind": ("", "")}


def test_orphans_at_the_start_of_a_cut_off_window_leave_later_ranges_alone():
    timeline = trace(
        *(kernel(i * 10, 90 + i) for i in range(3)),
        annotation("first", 5, 10), call(6, 1), kernel(40, 1), annotation("later", 50, 10), call(51, 2), kernel(60, 2),
    )  # fmt: skip
    found = reasons(timeline)
    assert found["first"][0] == "operations without a call, perhaps launched in it: 2"
    assert found["later"] == ("", "")


def test_orphans_of_another_process_do_not_matter():
    other = [call(1, 7, pid=2), kernel(5, 7, device=1)]
    timeline = trace(annotation("work", 0, 50), call(1, 1), kernel(5, 1), *other, kernel(20, 99, device=1))
    # nobody knows whose process an operation without a call is
    assert reasons(timeline)["work"][0] == ORPHAN


def test_withheld_figures_are_not_numbers():
    row = figures(trace(annotation("work", 0, 50), call(1, 1), kernel(5, 1), kernel(20, 99))).ranges.iloc[0]
    assert all(pd.isna(row[name]) for name in ("launches", "submissions", "busy_ns", "idle_ns", "gaps", "idle_host_ns"))
    assert row["host_ns"] == 50_000


def test_a_launch_without_an_operation_is_lost():
    timeline = trace(annotation("work", 0, 50), call(1, 1), call(9, 2), kernel(5, 1), annotation("later", 60, 5))
    assert findings(timeline) == {"lost operations": 1}
    assert reasons(timeline)["work"][0] == "launch calls in it without an operation: 1"
    assert reasons(timeline)["later"] == ("", "")


def test_a_launch_is_lost_on_a_clock_below_zero_too():
    assert findings(trace(call(-90, 1), call(-80, 2), kernel(-70, 2))) == {"lost operations": 1}


def test_a_drivers_call_inside_a_runtimes_is_not_lost():
    inner = event("cuda_driver", "cuLaunchKernel", 2, 1, correlation=2)
    assert findings(trace(call(1, 1, dur=4), inner, kernel(9, 1))) == {}


def test_launches_that_a_capture_recorded_are_not_lost():
    timeline = trace(
        call(0, 1, dur=1, name="cudaStreamBeginCapture_ptsz"), call(2, 2), call(5, 3),
        call(8, 4, dur=1, name="cudaStreamEndCapture_ptsz"), call(10, 5, name="cudaGraphLaunch"),
        kernel(20, 5), kernel(30, 5),
    )  # fmt: skip
    assert findings(timeline) == {}


@pytest.mark.parametrize("name", ["cudaMalloc", "cudaMemcpyAsync", "cudaLaunchHostFunc", "cudaDeviceSynchronize"])
def test_calls_that_launch_no_kernel_cannot_lose_one(name):
    assert findings(trace(call(1, 1, name=name), call(4, 2), kernel(9, 2))) == {}


def test_an_operation_that_ends_before_it_starts_withholds_what_came_after_its_call():
    timeline = trace(
        annotation("early", 0, 10), call(1, 1), kernel(5, 1, dur=2),
        annotation("late", 20, 10), call(21, 2), kernel(26, 2, dur=-3),
    )  # fmt: skip
    found = figures(timeline)
    assert findings(timeline) == {"end before start": 1}
    assert reasons(timeline) == {"early": ("", ""), "late": ("", "operations without valid start and end: 1")}
    assert found.ranges["launches"].tolist() == [1, 1]
    assert found.devices["withheld_window"].tolist() == ["operations without valid start and end: 1"]


def test_zero_time_stamps_are_no_times():
    timeline = trace(call(UNIX, 1), kernel(UNIX + 5, 1), call(UNIX + 10, 2), kernel(0, 2))
    assert findings(timeline) == {"zero time stamps": 1}


def test_an_operation_of_no_duration_counts():
    timeline = trace(annotation("work", 0, 50), call(1, 1), kernel(5, 1, dur=0), call(8, 2), kernel(12, 2))
    assert findings(timeline) == {"zero duration": 1}
    row = figures(timeline).ranges.iloc[0]
    assert (row["launches"], row["busy_ns"], row["idle_ns"]) == (2, 5_000, 7_000)


def test_a_graph_launch_without_nodes_withholds():
    timeline = trace(annotation("work", 0, 50), call(1, 1, name="cudaGraphLaunch"), kernel(5, 1, **{"graph id": 3}))
    assert findings(timeline) == {"whole graphs": 1}
    assert reasons(timeline)["work"][0] == "graph launches recorded without their nodes: 1"


def test_kernels_that_overlap_on_their_stream_are_counted():
    assert findings(trace(call(1, 1), kernel(5, 1), call(2, 2), kernel(8, 2))) == {"overlaps on a stream": 1}


def test_a_truncated_file_withholds_every_window_and_count():
    timeline = read(text(annotation("work", 0, 50), call(1, 1), kernel(5, 1), kernel(6, 2))[:-20])
    assert reasons(timeline) == {"work": ("the file breaks off", "the file breaks off")}
    (device,) = figures(timeline).devices.to_dict("records")
    assert (device["withheld"], device["withheld_window"]) == ("the file breaks off", "the file breaks off")
    assert pd.isna(device["launches"])


def test_a_range_of_a_process_without_calls_cannot_be_answered():
    timeline = trace(annotation("work", 0, 50, pid=77), call(1, 1), kernel(5, 1))
    assert reasons(timeline)["work"][0] == "the trace has no calls of its process"


def test_ranges_beyond_the_recording_are_counted():
    timeline = trace(
        event("Trace", "PyTorch Profiler (0)", 10, 50), annotation("work", 5, 10), call(11, 1), kernel(20, 1)
    )
    assert findings(timeline) == {"cut-off ranges": 1}
