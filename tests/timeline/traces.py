"""Small Kineto traces for tests: events as torch.profiler writes them, and the timeline that the importer reads."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from harness.timeline import kineto


def event(cat, name, ts, dur, tid=1, pid=1, **args):
    return {"ph": "X", "cat": cat, "name": name, "pid": pid, "tid": tid, "ts": ts, "dur": dur, "args": args}


def call(ts, correlation, dur=2, name="cudaLaunchKernel", tid=1, pid=1):
    return event("cuda_runtime", name, ts, dur, tid=tid, pid=pid, correlation=correlation)


def kernel(ts, correlation, dur=5, name="k", stream=7, device=0, **args):
    return event(
        "kernel", name, ts, dur, tid=stream, pid=device, correlation=correlation, stream=stream, device=device, **args
    )


def copy(ts, correlation, dur=5, stream=7):
    return event(
        "gpu_memcpy", "Memcpy DtoD", ts, dur, tid=stream, pid=0, correlation=correlation, stream=stream, device=0
    )


def annotation(name, ts, dur, tid=1, pid=1):
    return event("user_annotation", name, ts, dur, tid=tid, pid=pid)


def text(*events, **other):
    return json.dumps({"schemaVersion": 1, **other, "traceEvents": list(events)})


def read(content):
    """The timeline of a trace's text or bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return kineto.load(path)


def trace(*events, **other):
    return read(text(*events, **other))
