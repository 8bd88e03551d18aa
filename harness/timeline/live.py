"""Puts NVTX ranges and our own count of launches beside what a live run recorded.

In: a timeline of this process, the regions it went through, a `Recording` of its NVTX ranges, the launches that kernels
counted themselves. Out: the timeline with the ranges, and findings where counts or clocks differ. Measured ranges never
join modelled operations.
"""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from harness.errors import FuseproofError
from harness.timeline.injection.record import Recording
from harness.timeline.names import readable
from harness.timeline.ranges import DOMAIN, Range
from harness.timeline.schema import RANGES, UNKNOWN, Finding, Timeline, frame

MISCOUNTED = "launches miscounted"


def with_ranges(timeline: Timeline, recording: Recording) -> Timeline:
    """The timeline with the recorded ranges; fuseproof's own are not doubled where torch's profiler has them."""
    source = timeline.source
    if recording.times != source.times:
        raise FuseproofError(f"{recording.times} NVTX ranges cannot join a timeline whose times are {source.times}")
    findings = (*timeline.findings, *recording.findings)
    if source.times == "measured" and source.clock != "unix":
        lost = len(recording.ranges)
        sentence = f"{lost:,} NVTX ranges are left out: this trace's clock is {source.clock!r}, not the time of day"
        return replace(timeline, findings=(*findings, Finding("NVTX ranges left out", lost, sentence)))
    own = recording.ranges["domain"] == DOMAIN
    doubled = own & recording.ranges["name"].isin(set(timeline.ranges["name"]))
    findings = (*findings, *_clocks_compared(timeline.ranges, recording.ranges[doubled]))
    names = {(os.getpid(), thread): name for thread, name in recording.thread_names.items()}
    return replace(
        timeline,
        source=replace(source, threads={**source.threads, **names}),
        calls=_native_threads(timeline.calls, recording.pthreads),
        ranges=_joined(timeline.ranges, recording.ranges[~doubled]),
        findings=findings,
    )


def _clocks_compared(outer: pd.DataFrame, inner: pd.DataFrame) -> Iterator[Finding]:
    """Regions that lie on both clocks, opened in NVTX last and closed first: the others are as far apart as these."""
    both = outer.merge(inner, on="name", suffixes=("", "_nvtx"))
    closed = both[(both["end"] != UNKNOWN) & (both["end_nvtx"] != UNKNOWN)]
    early, late = closed["start"] - closed["start_nvtx"], closed["end_nvtx"] - closed["end"]
    apart = max(early.max(), late.max()) if len(closed) else 0
    if apart > 0:
        sentence = (
            f"NVTX ranges and the trace are {apart:,} ns apart or more: launches at a range's borders may be misplaced"
        )
        yield Finding("clocks apart", int(((early > 0) | (late > 0)).sum()), sentence)


def with_regions(timeline: Timeline, opened: Sequence[Range]) -> Timeline:
    """The timeline with regions that this thread went through, on the timeline's clock."""
    columns = {
        "name": [region.name for region in opened],
        "domain": DOMAIN,
        "start": [region.start for region in opened],
        "end": [UNKNOWN if region.end is None else region.end for region in opened],
        "process": os.getpid(),
        "thread": threading.get_native_id(),
        "end_thread": threading.get_native_id(),
        "kind": "start/end",
    }
    return replace(timeline, ranges=_joined(timeline.ranges, frame("ranges", columns)))


def _joined(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    columns = {}
    for name, spec in RANGES.items():
        values = [each[name].astype(object) if spec.dtype == "category" else each[name] for each in (one, other)]
        columns[name] = np.concatenate([each.to_numpy() for each in values])
    return frame("ranges", columns)


def _native_threads(calls: pd.DataFrame, pthreads: Mapping[int, int]) -> pd.DataFrame:
    """Calls under the operating system's thread numbers.

    CUPTI numbers threads by the lower 32 bits of pthread_self(). Kineto translates those that ran torch's operators
    and writes the others as they are, without their sign (libkineto, output_json.cpp).
    """
    natives: dict[int, int] = {}
    for native, pthread in pthreads.items():
        low = pthread & 0xFFFFFFFF
        signed = low - (1 << 32) if low >> 31 else low
        natives |= dict.fromkeys((pthread, low, signed, abs(signed)), native)
    unknown = {thread: natives[thread] for thread in set(calls["thread"]) & natives.keys() - pthreads.keys()}
    return calls.assign(thread=calls["thread"].replace(unknown)) if unknown else calls


def launches_compared(timeline: Timeline, counted: Mapping[str, int]) -> tuple[Finding, ...]:
    """A finding for each kernel of ours that the timeline has more or less often than it was launched.

    Nodes of CUDA graphs are left out: nobody launches them one by one.
    """
    operations = timeline.operations
    kernels = operations[(operations["kind"] == "kernel") & (operations["graph"] == UNKNOWN)]
    recorded: Counter[str] = Counter()
    for name, count in kernels["name"].value_counts().items():
        recorded[function_name(str(name))] += int(count)
    return tuple(
        Finding(
            MISCOUNTED,
            abs(recorded[name] - count),
            f"{name} was launched {count:,} times, and the timeline has it {recorded[name]:,} times: "
            "its figures are wrong",
        )
        for name, count in sorted(counted.items())
        if recorded[name] != count
    )


_TEMPLATE_ARGUMENTS = re.compile(r"<[^<>]*>")


def function_name(name: str) -> str:
    """`bias_gelu` of `void bias_gelu<__half, 4>(__half*, int)`, of its mangled name, and of itself."""
    plain = readable(name).replace("(anonymous namespace)::", "")
    while plain != (shorter := _TEMPLATE_ARGUMENTS.sub("", plain)):
        plain = shorter
    declared = plain.partition("(")[0].split()
    return declared[-1].rpartition("::")[2] if declared else name
