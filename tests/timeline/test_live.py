"""Live runs: the virtual clock as a timeline, NVTX ranges beside it, launches counted twice."""

import os
import threading

import pytest

from harness.errors import FuseproofError
from harness.timeline.injection.record import Recording
from harness.timeline.launches import launched, launches
from harness.timeline.live import function_name, launches_compared, with_ranges, with_regions
from harness.timeline.modelled import from_clock, mark
from harness.timeline.ranges import Range
from harness.timeline.schema import UNKNOWN, Finding, Source, frame, timeline
from harness.vgpu import gpus, hosts
from harness.vgpu.clock import Clock
from harness.vgpu.counters.record import Counters

SHAPE = {"grid": (3, 2, 1), "block": (64, 1, 1)}
COUNTED = Counters(dram_read_bytes=100, dram_write_bytes=20)


@pytest.fixture
def clock():
    return Clock(gpus.load("T4"), hosts.load())


def measured(**frames):
    return timeline(Source("kineto", "", "measured", "unix"), **frames)


def recording(times="measured", pthreads=None, **columns):
    return Recording(times, frame("ranges", columns), (), pthreads or {})


def test_operations_of_the_clock_keep_what_it_knows(clock):
    clock.launch(7, "kernel", 5_000, **SHAPE, registers=40, shared_bytes=256, counters=COUNTED)
    clock.copy(0, "H2D", 4096, call="cuMemcpyHtoD_v2")
    kernel, copy = (row for _, row in from_clock(clock).operations.iterrows())
    assert (kernel["kind"], kernel["stream"], kernel["grid_x"], kernel["grid_y"], kernel["block_x"]) == (
        "kernel",
        7,
        3,
        2,
        64,
    )
    assert (kernel["registers"], kernel["shared_bytes"], kernel["bytes"]) == (40, 256, 120)
    assert (copy["kind"], copy["bytes"], copy["registers"], copy["grid_x"]) == ("memcpy", 4096, UNKNOWN, UNKNOWN)


def test_calls_and_operations_join_by_process_and_correlation(clock):
    clock.launch(0, "kernel", 5_000, **SHAPE, counters=COUNTED)
    made = from_clock(clock)
    keys = ["process", "correlation"]
    assert made.operations[keys].values.tolist() == made.calls[keys].values.tolist()
    assert set(made.calls["process"]) == {os.getpid()}
    assert set(made.calls["thread"]) == {threading.get_native_id()}


def test_only_what_came_after_the_mark_is_taken(clock):
    clock.launch(0, "before", 5_000, **SHAPE, counters=COUNTED)
    since = mark(clock)
    clock.launch(0, "after", 5_000, **SHAPE, counters=COUNTED)
    assert from_clock(clock, since).operations["name"].tolist() == ["after"]


def test_waits_of_the_host_are_on_the_timeline(clock):
    clock.launch(0, "kernel", 50_000, **SHAPE, counters=COUNTED)
    clock.synchronize()
    (row,) = (row for _, row in from_clock(clock).syncs.iterrows())
    assert (row["kind"], row["end"]) == ("context", clock.host_ns)


def test_a_timeline_of_the_vgpu_says_that_it_is_modelled(clock):
    source = from_clock(clock).source
    assert (source.kind, source.times, source.clock, source.devices) == (
        "vgpu",
        "modelled",
        "virtual",
        {0: "Tesla T4 (virtual)"},
    )


def test_kernels_without_counters_are_found(clock):
    clock.launch(0, "fast", 5_000, **SHAPE)
    (finding,) = from_clock(clock).findings
    assert (finding.name, finding.sentence) == ("kernels not counted", "1 kernels have no modelled time: fast")


def test_measured_ranges_never_join_modelled_operations(clock):
    with pytest.raises(FuseproofError, match="measured NVTX ranges cannot join a timeline whose times are modelled"):
        with_ranges(from_clock(clock), recording(name=["work"], start=[1], end=[2]))


def test_ranges_join_those_that_are_there():
    made = measured(ranges={"name": ["torch's"], "start": [5], "end": [9], "kind": "annotation"})
    joined = with_ranges(made, recording(name=["ours"], domain=["io"], start=[6], end=[8], kind="push/pop")).ranges
    assert joined[["name", "domain", "kind", "start"]].values.tolist() == [
        ["torch's", "", "annotation", 5],
        ["ours", "io", "push/pop", 6],
    ]


def test_a_region_that_torchs_profiler_has_is_there_once():
    made = measured(ranges={"name": ["case"], "start": [5], "end": [9], "kind": "annotation"})
    heard = recording(name=["case", "case"], domain=["fuseproof", "user"], start=[5, 6], end=[9, 8])
    assert with_ranges(made, heard).ranges[["name", "domain"]].values.tolist() == [["case", ""], ["case", "user"]]


def test_ranges_are_left_out_where_the_traces_clock_is_not_the_time_of_day():
    made = timeline(Source("kineto", "", "measured", "trace"))
    found = with_ranges(made, recording(name=["work"], start=[1], end=[2]))
    assert found.ranges.empty
    assert "1 NVTX ranges are left out" in found.findings[0].sentence


def test_findings_of_the_recording_are_the_timelines():
    heard = recording()
    heard.findings = (Finding("NVTX ranges open", 1, "one"),)
    assert with_ranges(measured(), heard).findings == heard.findings


@pytest.mark.parametrize("written", [0x7F12_9000_0740, 0x9000_0740, 0x9000_0740 - 2**32, 2**32 - 0x9000_0740])
def test_calls_under_cupti_s_thread_numbers_get_the_operating_systems(written):
    made = measured(calls={"name": ["cuLaunchKernel"], "start": [1], "end": [2], "thread": [written]})
    found = with_ranges(made, recording(pthreads={4711: 0x7F12_9000_0740}))
    assert found.calls["thread"].tolist() == [4711]


def test_threads_that_are_right_already_stay():
    made = measured(calls={"name": ["cuLaunchKernel"], "start": [1], "end": [2], "thread": [4711]})
    found = with_ranges(made, recording(pthreads={4711: 0x7F12_9000_0740, 12: 4711}))
    assert found.calls["thread"].tolist() == [4711]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bias_gelu", "bias_gelu"),
        ("_Z9bias_geluIfLi4EEvPT_PKS0_S3_ii", "bias_gelu"),
        ("void bias_gelu<__half, 4>(__half*, __half const*, int)", "bias_gelu"),
        ("void at::native::vectorized<4, at::F<float>, std::array<char*, 3> >(int, at::F<float>)", "vectorized"),
        ("void (anonymous namespace)::softmax<float, 3>(float*)", "softmax"),
        ("std::enable_if<!false, void>::type internal::gemv<int>(int)", "gemv"),
        ("ampere_sgemm_128x64_tn", "ampere_sgemm_128x64_tn"),
    ],
)
def test_a_function_has_one_name_however_it_is_written(name, expected):
    assert function_name(name) == expected


def kernels(*names):
    return measured(
        operations={"kind": "kernel", "name": list(names), "start": [1] * len(names), "end": [2] * len(names)}
    )


def test_equal_counts_are_no_finding():
    seen = kernels("void fused<float>(float*)", "void fused<__half>(__half*)", "elementwise")
    assert launches_compared(seen, {"fused": 2}) == ()


def test_nodes_of_graphs_are_not_launched_one_by_one():
    nodes = {"kind": "kernel", "name": ["fused", "fused"], "start": [1, 3], "end": [2, 4], "graph": [UNKNOWN, 5]}
    assert launches_compared(measured(operations=nodes), {"fused": 1}) == ()


@pytest.mark.parametrize(("launched", "difference"), [(3, 1), (1, 1), (0, 2)])
def test_a_miscount_is_found(launched, difference):
    (finding,) = launches_compared(kernels("fused", "fused"), {"fused": launched})
    assert finding.count == difference
    assert f"fused was launched {launched} times, and the timeline has it 2 times" in finding.sentence


def regions(start, end):
    made = measured(ranges={"name": ["case"], "start": [100], "end": [900], "kind": "annotation"})
    return with_ranges(made, recording(name=["case"], domain=["fuseproof"], start=[start], end=[end])).findings


def test_clocks_on_which_the_inner_region_is_inside_agree():
    assert regions(120, 880) == ()


@pytest.mark.parametrize(("start", "end", "apart"), [(40, 800, 60), (150, 920, 20), (40, 920, 60)])
def test_clocks_that_are_apart_are_found(start, end, apart):
    (finding,) = regions(start, end)
    assert f"are {apart} ns apart or more" in finding.sentence


def test_regions_are_ranges_of_this_thread(clock):
    opened = [Range("case", 5, 9), Range("open", 7)]
    found = with_regions(from_clock(clock), opened).ranges
    assert found[["name", "domain", "start", "end"]].values.tolist() == [
        ["case", "fuseproof", 5, 9],
        ["open", "fuseproof", 7, UNKNOWN],
    ]
    assert set(found["thread"]) == {threading.get_native_id()}


def test_a_call_right_behind_a_range_is_not_in_it(clock):
    region = Range("case", clock.host_ns)
    clock.launch(0, "kernel", 5_000, **SHAPE, counters=COUNTED)
    region.end = clock.host_ns
    clock.copy(0, "H2D", 4096, call="cuMemcpyHtoDAsync_v2")
    made = with_regions(from_clock(clock), [region])
    assert made.calls["start"].iloc[1] == region.end
    assert launched(made, launches(made)).operation.tolist() == [0]
