"""The virtual clock: order within and between streams, what the host waits for, what it pays."""

import ctypes
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.vgpu import gpus, hosts
from harness.vgpu.clock import Clock

ONE = {"grid": (1, 1, 1), "block": (32, 1, 1)}


@pytest.fixture
def clock():
    return new_clock()


def new_clock():
    return Clock(gpus.load("T4"), hosts.load("server"))


def test_a_launch_returns_before_its_kernel_starts(clock):
    kernel = clock.launch(0, "k", 5_000, **ONE)
    assert clock.host_ns == kernel.submitted
    assert kernel.start == kernel.submitted + clock.gpu.launch_latency_ns
    assert kernel.duration == 5_000


def test_the_host_pays_for_python_and_for_the_call(clock):
    clock.launch(0, "k", 0, call="cuLaunchKernel", **ONE)
    assert clock.host_ns == clock.host.python("cuLaunchKernel") + clock.host.call("cuLaunchKernel")
    assert clock.calls[0].end - clock.calls[0].start == clock.host.call("cuLaunchKernel")


def test_a_call_and_its_activity_share_a_correlation_id(clock):
    kernels = [clock.launch(0, "k", 10, **ONE) for _ in range(3)]
    assert [call.correlation for call in clock.calls] == [kernel.correlation for kernel in kernels]
    assert len({kernel.correlation for kernel in kernels}) == 3


def test_kernels_of_a_stream_run_one_after_another(clock):
    first, second = clock.launch(1, "a", 50_000, **ONE), clock.launch(1, "b", 10, **ONE)
    assert second.start == first.end + clock.gpu.back_to_back_ns


def test_kernels_of_two_streams_overlap(clock):
    first, second = clock.launch(1, "a", 50_000, **ONE), clock.launch(2, "b", 10, **ONE)
    assert second.start < first.end


def test_the_legacy_default_stream_waits_for_the_others_and_they_for_it(clock):
    other = clock.launch(1, "a", 50_000, **ONE)
    default = clock.launch(0, "b", 50_000, **ONE)
    later = clock.launch(2, "c", 10, **ONE)
    assert default.start > other.end
    assert later.start > default.end


def test_a_non_blocking_stream_ignores_the_default_stream(clock):
    clock.stream(7, blocking=False)
    default = clock.launch(0, "a", 50_000, **ONE)
    assert clock.launch(7, "b", 50_000, **ONE).start < default.end
    assert clock.launch(0, "c", 10, **ONE).start < clock.completes(7)


def test_synchronising_waits_for_the_last_operation(clock):
    kernel = clock.launch(3, "k", 1_000_000, **ONE)
    clock.synchronize()
    assert clock.host_ns == kernel.end + clock.host.synchronize_ns


def test_a_call_that_waits_returns_when_the_wait_is_over(clock):
    clock.launch(3, "k", 1_000_000, **ONE)
    clock.synchronize()
    assert clock.calls[-1].name == "cuCtxSynchronize"
    assert clock.calls[-1].end == clock.host_ns


def test_calls_carry_the_thread_that_made_them(clock):
    thread = threading.Thread(target=clock.call, args=["cuMemAlloc"])
    thread.start()
    thread.join()
    clock.call("cuMemFree")
    assert [call.thread for call in clock.calls] == [thread.native_id, threading.get_native_id()]


def test_the_hosts_time_is_readable_from_memory(clock):
    clock.work(1_234)
    assert ctypes.c_int64.from_address(clock.address).value == clock.host_ns == 1_234


def test_synchronising_an_idle_device_costs_only_the_call(clock):
    clock.synchronize()
    assert clock.host_ns == clock.host.call("cuCtxSynchronize")


def test_synchronising_one_stream_leaves_others_running(clock):
    short, long = clock.launch(1, "a", 10, **ONE), clock.launch(2, "b", 1_000_000, **ONE)
    clock.synchronize(1)
    assert short.end < clock.host_ns < long.end


def test_events_around_a_kernel_measure_it_with_its_launch(clock):
    before = clock.record(0)
    kernel = clock.launch(0, "k", 20_000, **ONE)
    after = clock.record(0)
    assert before.ns <= kernel.start
    assert after.ns == kernel.end
    assert after.ns - before.ns >= 20_000


def test_a_stream_that_waits_for_an_event_starts_after_it(clock):
    clock.launch(1, "a", 500_000, **ONE)
    point = clock.record(1)
    clock.wait(2, point)
    assert clock.launch(2, "b", 10, **ONE).start >= point.ns


def test_the_host_waits_for_an_event(clock):
    stamp = clock.launch(0, "k", 500_000, **ONE).end
    clock.wait_for_event(stamp)
    assert clock.host_ns >= stamp


def test_a_synchronous_copy_holds_the_host_and_an_asynchronous_one_does_not(clock):
    copy = clock.copy(0, "H2D", 1 << 20, call="cuMemcpyHtoD_v2")
    assert clock.host_ns >= copy.end
    assert clock.copy(0, "H2D", 1 << 20, call="cuMemcpyHtoDAsync_v2").end > clock.host_ns


def test_copies_in_one_direction_share_an_engine(clock):
    one = clock.copy(1, "H2D", 1 << 24, call="cuMemcpyHtoDAsync_v2")
    same = clock.copy(2, "H2D", 1 << 24, call="cuMemcpyHtoDAsync_v2")
    opposite = clock.copy(3, "D2H", 1 << 24, call="cuMemcpyDtoHAsync_v2")
    assert same.start >= one.end
    assert opposite.start < one.end


def test_copies_across_the_link_take_longer_than_on_the_device(clock):
    across = clock.copy(0, "H2D", 1 << 24, call="cuMemcpyHtoDAsync_v2")
    inside = clock.copy(0, "D2D", 1 << 24, call="cuMemcpyDtoDAsync_v2")
    assert across.duration > inside.duration > clock.gpu.copy_latency_ns


def test_a_memset_is_an_activity_of_its_own_kind(clock):
    memset = clock.memset(0, 4096)
    assert (memset.kind, memset.bytes) == ("memset", 4096)
    assert clock.host_ns < memset.end


def test_a_negative_duration_is_refused(clock):
    with pytest.raises(ValueError, match="-1 ns"):
        clock.launch(0, "k", -1, **ONE)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("launch"), st.integers(0, 3), st.integers(0, 50_000)),
        st.tuples(st.just("copy"), st.integers(0, 3), st.integers(0, 1 << 20)),
        st.tuples(st.just("work"), st.just(0), st.integers(0, 20_000)),
        st.tuples(st.just("record"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("synchronize"), st.integers(0, 3), st.just(0)),
    ),
    max_size=30,
)


def run(steps):
    clock = new_clock()
    for step, stream, amount in steps:
        match step:
            case "launch":
                clock.launch(stream, "k", amount, **ONE)
            case "copy":
                clock.copy(stream, "D2H", amount, call="cuMemcpyDtoHAsync_v2")
            case "work":
                clock.work(amount)
            case "record":
                clock.record(stream)
            case "synchronize":
                clock.synchronize(stream)
    return clock


@given(STEPS)
def test_operations_of_a_stream_never_overlap_and_never_precede_their_call(steps):
    clock = run(steps)
    for stream in range(4):
        mine = [activity for activity in clock.activities if activity.stream == stream]
        assert all(earlier.end <= later.start for earlier, later in pairwise(mine))
    assert all(activity.start > activity.submitted for activity in clock.activities)


@given(STEPS)
def test_time_only_grows_and_a_synchronised_device_is_idle(steps):
    clock = run(steps)
    ends = [call.end for call in clock.calls]
    assert ends == sorted(ends)
    clock.synchronize()
    assert all(activity.end <= clock.host_ns for activity in clock.activities)


@given(STEPS)
def test_two_runs_give_the_same_times(steps):
    assert run(steps).activities == run(steps).activities
