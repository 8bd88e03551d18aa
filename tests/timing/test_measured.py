"""Measuring on a GPU, as far as it can be tested without one: on traces, and on a stand-in for CUDA's events."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from harness.errors import FuseproofError
from harness.timeline.live import launches_compared
from harness.timing import measured, profile
from tests.timeline.traces import annotation, call, kernel
from tests.timeline.traces import trace as read_trace


def trace(*events):
    return read_trace(annotation("case", 0, 1000), *events)


LAUNCH = call(10, 1)
KERNEL = kernel(20, 1, name="fused")


def test_operations_of_the_range_are_found():
    found = trace(LAUNCH, KERNEL, kernel(2000, 2), call(1500, 2))
    assert found.operations["name"].to_numpy()[measured.operations_of(found, "case")].tolist() == ["fused"]


def test_a_trace_that_lost_calls_is_refused():
    with pytest.raises(FuseproofError, match="not complete: operations without a call, perhaps launched in it: 1"):
        measured.operations_of(trace(KERNEL), "case")


def test_a_trace_that_lost_operations_is_refused():
    with pytest.raises(FuseproofError, match="not complete: launch calls in it without an operation: 1"):
        measured.operations_of(trace(LAUNCH), "case")


def test_a_trace_without_operations_is_refused():
    with pytest.raises(FuseproofError, match="saw no operation on the GPU"):
        measured.operations_of(trace(), "case")


def test_a_trace_without_the_range_is_refused():
    with pytest.raises(FuseproofError, match="0 ranges named 'other'"):
        measured.operations_of(trace(LAUNCH, KERNEL), "other")


def test_an_operation_without_valid_times_is_refused():
    with pytest.raises(FuseproofError, match="gave 1 operations no valid times"):
        measured.operations_of(trace(LAUNCH, kernel(20, 1, dur=-5)), "case")


def test_a_trace_with_another_number_of_launches_than_ours_is_refused(monkeypatch):
    found = replace(trace(LAUNCH, KERNEL), findings=launches_compared(trace(LAUNCH, KERNEL), {"fused": 2}))
    monkeypatch.setattr(measured, "on_gpu", lambda variants, nvtx: found)
    with pytest.raises(FuseproofError, match="fused was launched 2 times, and the timeline has it 1 times"):
        measured.traced(lambda: None, [], "case")


class FakeCuda:
    """CUDA's events on a clock that the tested function moves."""

    def __init__(self):
        self.now = 0.0
        self.order = []

    def event(self, enable_timing):
        cuda = self

        class Event:
            def record(self):
                self.at = cuda.now
                cuda.order.append("record")

            def synchronize(self):
                cuda.order.append("wait")

            def elapsed_time(self, end):
                return end.at - self.at

        assert enable_timing
        return Event()

    def function(self, milliseconds):
        self.order.append("run")
        self.now += milliseconds

    def flush(self):
        self.order.append("flush")
        self.now += 100.0


@pytest.fixture
def cuda(monkeypatch):
    fake = FakeCuda()
    monkeypatch.setattr(torch.cuda, "Event", fake.event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: fake.order.append("idle"))
    return fake


def test_the_wall_time_is_the_events_in_microseconds(cuda):
    _, wall_us = measured.timed(cuda.function, [2.0], cuda.flush)
    assert wall_us == pytest.approx(2000.0)


def test_the_flush_is_over_before_the_start_event(cuda):
    measured.timed(cuda.function, [2.0], cuda.flush)
    assert cuda.order[:6] == ["flush", "idle", "record", "run", "record", "wait"]


def test_a_profile_combines_times_and_trace(cuda, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(L2_cache_size=1024))
    found = trace(LAUNCH, KERNEL)
    monkeypatch.setattr(measured, "traced", lambda *_: (found, measured.operations_of(found, "case")))
    device = SimpleNamespace(kind="cuda", torch=torch.device("cpu"))
    found = profile(cuda.function, [2.0], name="case", device=device)
    assert (found.source, found.launches, found.dram_bytes) == ("measured", 1, None)
    assert (found.wall_us, found.busy_us) == (pytest.approx(2000.0), 5.0)


def test_tf32_is_refused(monkeypatch):
    monkeypatch.setattr(torch.backends.cuda, "matmul", SimpleNamespace(allow_tf32=True))
    device = SimpleNamespace(kind="cuda", torch=torch.device("cpu"))
    with pytest.raises(FuseproofError, match="TF32 is on"):
        profile(lambda: None, [], name="case", device=device)
