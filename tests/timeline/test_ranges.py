"""Ranges: on the clock that is asked for, and visible to NVTX and to torch's profiler."""

import nvtx
import pytest
import torch

from harness.timeline.ranges import DOMAIN, Range, region


class Ticks:
    def __init__(self):
        self.now = 0

    def __call__(self):
        self.now += 10
        return self.now


def test_a_range_keeps_the_clocks_start_and_end():
    with region("work", Ticks()) as opened:
        assert opened.end is None
    assert (opened.start, opened.end, opened.length) == (10, 20, 10)


def test_a_range_is_closed_when_its_block_fails():
    with pytest.raises(ZeroDivisionError), region("work", Ticks()) as opened:
        raise ZeroDivisionError
    assert opened.end == 20


def test_an_open_range_has_no_length():
    with pytest.raises(ValueError, match="'work' is still open"):
        Range("work", 1).length  # noqa: B018


def test_ranges_are_start_end_ranges_in_fuseproofs_nvtx_domain(monkeypatch):
    seen = []
    monkeypatch.setattr(nvtx, "start_range", lambda message, domain: seen.append((message, domain)) or "handle")
    monkeypatch.setattr(nvtx, "end_range", seen.append)
    with region("work"):
        pass
    assert seen == [("work", DOMAIN), "handle"]


def test_torchs_profiler_sees_the_range():
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler, region("work"):
        torch.ones(2).add_(1)
    assert "work" in {event.key for event in profiler.key_averages()}
