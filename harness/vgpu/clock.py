"""The virtual clock: a discrete-event simulation of one host thread and the streams of one GPU.

In: what the host does, in program order (work, launches, copies, waits), with durations of kernels.
Out: when each happened: `activities` of the device and `calls` of the host, in nanoseconds.

The rules, all of them:
- The host pays for its work and for each call; launches return at once, `copy` with a synchronous call waits.
- There is one host thread: calls of several threads of the program happen in the order in which they arrive.
- A stream is in order. Stream 0 is the legacy default stream: its operations wait for everything submitted
  before to every blocking stream, and operations of blocking streams wait for those of stream 0.
- An operation starts when it was submitted and the launch latency has passed, and its predecessors have ended
  and the turn-over between dependent operations has passed.
- Copies between host and device use one engine a direction, in order of submission. Kernels of different streams
  overlap without slowing each other: optimistic where each fills the GPU by itself.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
from dataclasses import dataclass, replace
from typing import Any

from harness.vgpu.activity import Activity, ApiCall, Direction, Extent, Kind
from harness.vgpu.counters.record import Counters
from harness.vgpu.gpus import Gpu
from harness.vgpu.hosts import Host

DEFAULT_STREAM = 0


@dataclass(slots=True)
class _Stream:
    blocking: bool = True
    ready: int = 0  # when everything submitted so far has ended


class Clock:
    """One host thread, one GPU. Times only grow; nothing depends on the time of day."""

    def __init__(self, gpu: Gpu, host: Host) -> None:
        self.gpu = gpu
        self.host = host
        self._host_ns = ctypes.c_int64(0)
        self.activities: list[Activity] = []
        self.calls: list[ApiCall] = []
        self._streams = {DEFAULT_STREAM: _Stream()}
        self._engines: dict[Direction, int] = {}
        self._correlations = itertools.count(1)

    @property
    def host_ns(self) -> int:
        """The host's time."""
        return self._host_ns.value

    @property
    def address(self) -> int:
        """Where the host's time lies in memory, an int64: C code reads it there, from any thread."""
        return ctypes.addressof(self._host_ns)

    def stream(self, stream: int, *, blocking: bool = True) -> None:
        """Declare a stream; `blocking=False` is CU_STREAM_NON_BLOCKING. Undeclared streams are blocking."""
        self._streams[stream] = _Stream(blocking=blocking, ready=self._of(stream).ready)

    def work(self, nanoseconds: int) -> None:
        """The host computes."""
        self._host_ns.value += int(nanoseconds)

    def call(self, name: str, correlation: int = 0) -> ApiCall:
        """A call into the driver that submits nothing by itself, with the Python work that precedes it."""
        start = self._host_ns.value + self.host.python(name)
        end = start + self.host.call(name)
        self._host_ns.value = end
        made = ApiCall(name, start, end, correlation, threading.get_native_id())
        self.calls.append(made)
        return made

    def launch(
        self,
        stream: int,
        name: str,
        duration_ns: int,
        *,
        grid: Extent,
        block: Extent,
        registers: int = 0,
        shared_bytes: int = 0,
        counters: Counters | None = None,
        bytes: int | None = None,
        call: str = "cuLaunchKernel",
    ) -> Activity:
        """Put a kernel on a stream."""
        return self._submit(
            stream,
            "kernel",
            name,
            duration_ns,
            call,
            grid=grid,
            block=block,
            registers=registers,
            shared_bytes=shared_bytes,
            counters=counters,
            bytes=bytes,
        )

    def copy(self, stream: int, direction: Direction, nbytes: int, call: str = "cuMemcpyAsync") -> Activity:
        """Copy; a call that does not end in Async waits for the copy, unless it stays on the device."""
        name = f"Memcpy {direction[0]}to{direction[2]}"
        activity = self._submit(
            stream, "memcpy", name, self._copy_ns(direction, nbytes), call, bytes=nbytes, engine=direction
        )
        if direction != "D2D" and "Async" not in call:
            self._wait(activity.end)
        return activity

    def memset(self, stream: int, nbytes: int, call: str = "cuMemsetD8Async") -> Activity:
        """Fill device memory; the host does not wait, whichever the call."""
        duration = self.gpu.copy_latency_ns + round(nbytes / self.gpu.achievable_dram_bandwidth * 1e9)
        return self._submit(stream, "memset", "Memset", duration, call, bytes=nbytes)

    def synchronize(self, stream: int | None = None, call: str | None = None) -> None:
        """The host waits for one stream, or for the device."""
        self.call(call or ("cuCtxSynchronize" if stream is None else "cuStreamSynchronize"))
        self._wait(self.completes(stream))

    def completes(self, stream: int | None = None) -> int:
        """When everything submitted so far, to one stream or to all, will have ended."""
        if stream is None:
            return max(known.ready for known in self._streams.values())
        return self._after(stream)

    def record(self, stream: int, call: str = "cuEventRecord") -> int:
        """Put an event on a stream; its time stamp."""
        submitted = self.call(call).end
        stamp = max(submitted + self.gpu.launch_latency_ns, self._after(stream))
        self._of(stream).ready = stamp
        return stamp

    def wait(self, stream: int, stamp: int, call: str = "cuStreamWaitEvent") -> None:
        """What is submitted to the stream from now on starts after `stamp`."""
        self.call(call)
        self._of(stream).ready = max(self._of(stream).ready, stamp)

    def wait_for_event(self, stamp: int, call: str = "cuEventSynchronize") -> None:
        """The host waits until the event has happened."""
        self.call(call)
        self._wait(stamp)

    def _submit(
        self,
        stream: int,
        kind: Kind,
        name: str,
        duration: int,
        call: str,
        engine: Direction | None = None,
        **details: Any,  # the remaining fields of Activity
    ) -> Activity:
        if duration < 0:
            raise ValueError(f"{name}: an operation cannot last {duration} ns")
        correlation = next(self._correlations)
        submitted = self.call(call, correlation).end
        start = submitted + self.gpu.launch_latency_ns
        if predecessor := self._after(stream):
            start = max(start, predecessor + self.gpu.back_to_back_ns)
        if engine is not None and engine != "D2D":
            start = max(start, self._engines.get(engine, 0))
            self._engines[engine] = start + int(duration)
        activity = Activity(kind, name, start, start + int(duration), submitted, stream, correlation, **details)
        self._of(stream).ready = activity.end
        self.activities.append(activity)
        return activity

    def _after(self, stream: int) -> int:
        """The end of everything that the next operation of this stream must wait for."""
        own = self._of(stream)
        if stream == DEFAULT_STREAM:
            return max(other.ready for other in self._streams.values() if other.blocking)
        return max(own.ready, self._of(DEFAULT_STREAM).ready) if own.blocking else own.ready

    def _of(self, stream: int) -> _Stream:
        return self._streams.setdefault(stream, _Stream())

    def _wait(self, until: int) -> None:
        """The last call does not return before `until`."""
        if until > self.host_ns:
            self._host_ns.value = until + self.host.synchronize_ns
            self.calls[-1] = replace(self.calls[-1], end=self.host_ns)

    def _copy_ns(self, direction: Direction, nbytes: int) -> int:
        if direction == "D2D":
            seconds = 2 * nbytes / self.gpu.achievable_dram_bandwidth  # read and written
        else:
            seconds = nbytes / (self.gpu.link_bandwidth * self.gpu.link_efficiency)
        return self.gpu.copy_latency_ns + round(seconds * 1e9)
