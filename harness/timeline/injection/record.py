"""Records the NVTX ranges of this process, from whatever library calls NVTX.

In: a block of code, and the virtual clock where its times are modelled. Out: a `Recording`: ranges as the schema has
them, and findings. Nothing is recorded outside of such a block, and in a process that never asks, nothing is loaded.

    enable()                      # before the first NVTX call
    with record() as recording:
        program()
    recording.ranges
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pandas as pd

from harness.errors import FuseproofError
from harness.timeline.injection.events import Events, copied
from harness.timeline.injection.library import VARIABLE, enable, ffi, lib, other_tool
from harness.timeline.injection.ranges import ranges_of
from harness.timeline.ranges import DOMAIN
from harness.timeline.schema import Finding, Times, frame
from harness.vgpu.clock import Clock

__all__ = ["LIMIT", "Recording", "enable", "enable_if_free", "record", "record_if_free"]

LIMIT = 64 << 20  # bytes of buffers: some 500,000 ranges
_PROBE = "fuseproof.probe"


@dataclass(slots=True)
class Recording:
    """Filled when the block is left. `pthreads` are the recorded threads as CUPTI numbers them, by their native id."""

    times: Times
    ranges: pd.DataFrame = field(default_factory=lambda: frame("ranges", {}))
    findings: tuple[Finding, ...] = ()
    pthreads: dict[int, int] = field(default_factory=dict)
    thread_names: dict[int, str] = field(default_factory=dict)


def enable_if_free() -> None:
    """Let NVTX find the library from now on, unless it is to find another tool's."""
    if not other_tool():
        enable()


@contextmanager
def record(clock: Clock | None = None, limit: int = LIMIT) -> Iterator[Recording]:
    """Record what happens inside, on `clock`'s virtual time or, without one, on CLOCK_REALTIME: "unix" nanoseconds.

    One recording a process at a time. `limit` bounds the memory of its buffers; what finds no room is counted.
    """
    enable()
    recording = Recording("modelled" if clock else "measured")
    cell = ffi.cast("const int64_t *", clock.address) if clock else ffi.NULL
    if not lib().fuseproof_nvtx_start(limit, cell):
        raise FuseproofError("NVTX is being recorded in this process already: one recording at a time")
    try:
        _probe()
        yield recording
    finally:
        _fill(recording, _stopped())


@contextmanager
def record_if_free(clock: Clock | None = None) -> Iterator[Recording]:
    """The same; where NVTX belongs to another tool nothing is recorded, and a finding says so."""
    if taken := other_tool():
        sentence = f"NVTX ranges are not recorded: {VARIABLE} gives them to {taken}"
        yield Recording("modelled" if clock else "measured", findings=(Finding("NVTX not recorded", 1, sentence),))
        return
    with record(clock) as recording:
        yield recording


def _probe() -> None:
    """A mark from the nvtx package, if the program uses it: whether it arrives tells whether its ranges do."""
    if "nvtx" in sys.modules:
        sys.modules["nvtx"].mark(_PROBE, domain=DOMAIN)


def _stopped() -> Events:
    snapshot = lib().fuseproof_nvtx_stop()
    if not snapshot:
        raise FuseproofError("there is no memory to read the recorded NVTX ranges")
    try:
        return copied(snapshot)
    finally:
        lib().fuseproof_nvtx_free(snapshot)


def _fill(recording: Recording, events: Events) -> None:
    ranges, findings = ranges_of(events)
    probes = (ranges["name"] == _PROBE) & (ranges["domain"] == DOMAIN)
    recording.ranges = ranges[~probes].reset_index(drop=True)
    if "nvtx" in sys.modules and not probes.any() and not events.lost:
        findings = (*findings, _unheard())
    recording.findings = findings
    recording.pthreads = dict(zip(*(events.threads[name].tolist() for name in ("native", "pthread")), strict=True))
    recording.thread_names = events.thread_names


def _unheard() -> Finding:
    if os.environ.get("NVTX_DISABLE"):
        reason = "NVTX_DISABLE is set"
    else:
        reason = "it called NVTX before recording was enabled in this process"
    return Finding("nvtx package not recorded", 1, f"ranges of the Python package nvtx are missing: {reason}")
