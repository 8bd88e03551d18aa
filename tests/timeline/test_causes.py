"""Why a device was idle."""

from harness.timeline.figures import device_gaps
from tests.timeline.traces import call, copy, event, kernel, trace


def causes(*events):
    return device_gaps(trace(*events))["cause"].tolist()


def test_a_kernel_submitted_after_the_gap_began_is_host_bound():
    assert causes(call(0, 1), kernel(5, 1), call(20, 2), kernel(30, 2)) == ["host-bound"]


def test_a_call_that_had_not_returned_when_the_gap_began_is_host_bound():
    assert causes(call(0, 1), kernel(5, 1), call(8, 2, dur=5), kernel(30, 2)) == ["host-bound"]


def test_a_kernel_submitted_in_time_that_starts_late_is_launch_latency():
    assert causes(call(0, 1), kernel(5, 1), call(3, 2), kernel(12, 2)) == ["launch latency"]


def test_a_kernel_that_waited_for_another_stream_is_a_dependency():
    assert causes(call(0, 1), kernel(5, 1, stream=7), call(3, 2), kernel(12, 2, stream=9)) == ["dependency"]


def test_one_of_two_that_ended_together_on_its_own_stream_is_no_dependency():
    found = causes(
        call(0, 1), call(0, 2), kernel(5, 1, stream=7), kernel(5, 2, stream=9), call(3, 3), kernel(12, 3, stream=9)
    )
    assert found == ["launch latency"]


def test_a_copy_at_either_side_is_a_copy():
    assert causes(call(0, 1), copy(5, 1), call(20, 2), kernel(30, 2)) == ["sync/copy"]
    assert causes(call(0, 1), kernel(5, 1), call(20, 2), copy(30, 2)) == ["sync/copy"]


def test_a_host_that_waited_for_the_device_before_it_launched_is_a_synchronisation():
    wait = call(3, 9, dur=10, name="cudaDeviceSynchronize")
    assert causes(call(0, 1), kernel(5, 1), wait, call(20, 2), kernel(30, 2)) == ["sync/copy"]


def test_a_wait_after_the_launch_is_not_what_delayed_it():
    wait = call(6, 9, dur=50, name="cudaStreamSynchronize")
    assert causes(call(0, 1), kernel(5, 1), call(3, 2), wait, kernel(30, 2)) == ["launch latency"]


def test_a_wait_that_was_over_before_the_gap_did_not_cause_it():
    wait = call(3, 9, dur=1, name="cudaStreamSynchronize")
    assert causes(call(0, 1), kernel(5, 1), wait, call(20, 2), kernel(30, 2)) == ["host-bound"]


def test_a_wait_of_another_thread_did_not_cause_it():
    wait = call(3, 9, dur=10, name="cudaDeviceSynchronize", tid=2)
    assert causes(call(0, 1), kernel(5, 1), wait, call(20, 2), kernel(30, 2)) == ["host-bound"]


def test_recorded_synchronisation_counts_and_a_stream_that_waits_does_not():
    def recorded(name):
        api = call(6, 9, dur=1, name="someCall")
        return api, event("cuda_sync", name, 6, 8, tid=7, pid=0, correlation=9, stream=7)

    assert causes(call(0, 1), kernel(5, 1), *recorded("Context Sync"), call(20, 2), kernel(30, 2)) == ["sync/copy"]
    assert causes(call(0, 1), kernel(5, 1), *recorded("Stream Wait Event"), call(20, 2), kernel(30, 2)) == [
        "host-bound"
    ]


def test_the_cause_before_an_orphan_is_unknown():
    assert causes(call(0, 1), kernel(5, 1), kernel(30, 99)) == ["unknown"]


def test_every_gap_is_known_by_device_and_by_what_ended_it():
    found = device_gaps(
        trace(
            call(0, 1), kernel(5, 1, device=1), kernel(12, 1, device=1), kernel(0, 1, device=0), kernel(30, 1, device=0)
        )
    )
    assert found[["device", "start", "end", "before"]].to_numpy().tolist() == [
        [0, 5_000, 30_000, 3],
        [1, 10_000, 12_000, 1],
    ]
