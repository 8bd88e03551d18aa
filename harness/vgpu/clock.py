"""The virtual clock: a discrete-event simulation of one host thread and the streams of one GPU.

In: what the host does, in program order (work, launches, copies, graphs, waits), with durations of kernels.
Out: when each happened: `activities` of the device and `calls` of the host, in nanoseconds. Every event depends on
earlier ones only, so each gets its time at once, and no queue of events is kept.

The rules, all of them:

Host
- The host pays for its work and for each call; launches return at once. What a call waits for, it returns after.
- There is one host thread: calls of several threads of the program happen in the order in which they arrive.
- A stream holds LAUNCH_QUEUE submissions that have not started; a further one holds the host until one has.

Streams
- A stream is in order. Stream 0 is the legacy default stream: its operations wait for everything submitted
  before to every blocking stream, and operations of blocking streams wait for those of stream 0.
- An operation starts when it was submitted and the launch latency has passed, and its predecessors have ended
  and the turn-over between dependent operations has passed.
- A stream that waits for an event starts its next operation when what was before the event has ended.
- Kernels of different streams overlap without slowing each other: optimistic where each fills the GPU by itself.

Copies (CUDA driver API, "API synchronization behavior")
- Copies between host and device use one engine a direction, in order of submission.
- From and to page-locked memory a call waits, unless it ends in Async; a copy within the device never holds the host.
- From and to pageable memory every call waits, and the copy is as slow as the driver's staging buffers. Only up to
  64 KiB to the device are staged by the host at once, and nothing waits (CUDA C++ Programming Guide, "Concurrent
  Execution between Host and Device").

Graphs
- A graph's launch is one call and one submission; the host pays for the call, and for each node a little.
- Its first nodes start as a kernel would in its stream, each other node when those it depends on have ended and the
  turn-over between nodes has passed; nodes that do not depend on each other overlap. What follows in the stream
  waits for every node.
- Launches of one executable graph run one after another. Instantiating costs a plain call, the first launch is as fast
  as any other: what a program pays once is not modelled.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from harness.vgpu.activity import Activity, ApiCall, Direction, Extent, Operation
from harness.vgpu.counters.record import Counters
from harness.vgpu.gpus import Gpu
from harness.vgpu.graph import Graph
from harness.vgpu.hosts import Host

DEFAULT_STREAM = 0
# NVIDIA developer forum 68937 (2018): launches return in 4 to 5 us until about 1,000 kernels of a stream are pending,
# then each waits for one of them, and each of three streams takes as many. The power of two is taken.
LAUNCH_QUEUE = 1024
STAGED_AT_ONCE = 64 * 1024  # bytes

Places = tuple[int, ...]  # of operations, in the clock's list


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a stream, as an event marks one: when everything before it has ended, and what that was."""

    ns: int
    after: Places = ()


@dataclass(slots=True)
class _Stream:
    blocking: bool = True
    ready: int = 0  # when everything submitted so far has ended
    last: Places = ()  # what the next operation waits for
    starts: deque[int] = field(default_factory=deque)  # of submissions that the host has not seen start


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
        self._graphs: dict[int, Point] = {}  # the end of the last launch of each
        self._correlations = itertools.count(1)
        self._graph_numbers = itertools.count(1)

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
        self._of(stream).blocking = blocking

    def graph_number(self) -> int:
        """A number that no graph has yet."""
        return next(self._graph_numbers)

    def work(self, nanoseconds: int) -> None:
        """The host computes."""
        self._host_ns.value += int(nanoseconds)

    def call(self, name: str, correlation: int = 0, more_ns: int = 0) -> ApiCall:
        """A call into the driver that submits nothing by itself, with the Python work that precedes it."""
        start = self._host_ns.value + self.host.python(name)
        end = start + self.host.call(name) + more_ns
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
        kernel = Operation(
            "kernel", name, int(duration_ns), grid, block, registers, shared_bytes, counters=counters, bytes=bytes
        )
        return self.submit(stream, kernel, call)

    def copy(
        self, stream: int, direction: Direction, nbytes: int, call: str = "cuMemcpyAsync", *, pinned: bool = True
    ) -> Activity:
        """Copy; `pinned` says that the host's memory is page-locked."""
        waits = direction != "D2D" and not (pinned and "Async" in call)
        staged = 0
        if direction == "H2D" and not pinned and nbytes <= STAGED_AT_ONCE:
            waits, staged = False, round(nbytes / self.host.pageable_bandwidth * 1e9)
        activity = self.submit(stream, self.transfer(direction, nbytes, pinned=pinned), call, more_ns=staged)
        if waits:
            self._wait(activity.end)
        return activity

    def transfer(self, direction: Direction, nbytes: int, *, pinned: bool = True) -> Operation:
        """A copy as an operation."""
        if direction == "D2D":
            bandwidth = self.gpu.achievable_dram_bandwidth / 2  # read and written
        else:
            bandwidth = self.gpu.link_bandwidth * self.gpu.link_efficiency
            bandwidth = bandwidth if pinned else min(bandwidth, self.host.pageable_bandwidth)
        duration = self.gpu.copy_latency_ns + round(nbytes / bandwidth * 1e9)
        name = f"Memcpy {direction[0]}to{direction[2]}"
        return Operation("memcpy", name, duration, bytes=nbytes, direction=direction)

    def memset(self, stream: int, nbytes: int, call: str = "cuMemsetD8Async") -> Activity:
        """Fill device memory; the host does not wait, whichever the call."""
        return self.submit(stream, self.fill(nbytes), call)

    def fill(self, nbytes: int) -> Operation:
        """A memset as an operation."""
        duration = self.gpu.copy_latency_ns + round(nbytes / self.gpu.achievable_dram_bandwidth * 1e9)
        return Operation("memset", "Memset", duration, bytes=nbytes)

    def submit(self, stream: int, operation: Operation, call: str, more_ns: int = 0) -> Activity:
        """Put an operation on a stream; `more_ns` is what the host does in the call besides."""
        if operation.duration < 0:
            raise ValueError(f"{operation.name}: an operation cannot last {operation.duration} ns")
        correlation = next(self._correlations)
        own, begin, after = self._enter(stream, call, correlation, more_ns)
        start = self._engine(operation, begin)
        activity = Activity.of(
            operation, start, submitted=self.host_ns, stream=stream, correlation=correlation, after=after
        )
        own.ready, own.last = activity.end, (len(self.activities),)
        own.starts.append(start)
        self.activities.append(activity)
        return activity

    def launch_graph(self, stream: int, graph: Graph, call: str = "cuGraphLaunch") -> list[Activity]:
        """Launch a graph into a stream: one submission. Its activities share the call's correlation id."""
        correlation, first = next(self._correlations), len(self.activities)
        own, begin, after = self._enter(stream, call, correlation, len(graph.nodes) * self.gpu.graph_launch_node_ns)
        if before := self._graphs.get(graph.number):
            begin, after = max(begin, before.ns + self.gpu.back_to_back_ns), _joined([after, before.after])
        made: list[Activity] = []
        for place, node in enumerate(graph.nodes):
            start = max([begin, *(made[each].end + self.gpu.graph_node_ns for each in node.after)])
            activity = Activity.of(
                node.operation,
                self._engine(node.operation, start),
                submitted=self.host_ns,
                stream=stream,
                correlation=correlation,
                after=tuple(first + each for each in node.after) or after,
                graph=graph.number,
                node=place + 1,
            )
            made.append(activity)
        own.ready = max((activity.end for activity in made), default=begin)
        own.last = tuple(first + place for place in graph.last) or after
        own.starts.append(min((activity.start for activity in made), default=begin))
        self._graphs[graph.number] = Point(own.ready, own.last)
        self.activities += made
        return made

    def synchronize(self, stream: int | None = None, call: str | None = None) -> None:
        """The host waits for one stream, or for the device."""
        self.call(call or ("cuCtxSynchronize" if stream is None else "cuStreamSynchronize"))
        self._wait(self.completes(stream))

    def completes(self, stream: int | None = None) -> int:
        """When everything submitted so far, to one stream or to all, will have ended."""
        if stream is None:
            return max(known.ready for known in self._streams.values())
        return self._before(stream).ns

    def record(self, stream: int, call: str = "cuEventRecord") -> Point:
        """Put an event on a stream; `ns` is its time stamp."""
        correlation = 0  # nothing that runs
        own, begin, after = self._enter(stream, call, correlation, turn_over=0)
        own.ready, own.last = begin, after
        own.starts.append(begin)
        return Point(begin, after)

    def wait(self, stream: int, point: Point, call: str = "cuStreamWaitEvent") -> None:
        """What is submitted to the stream from now on starts after this point of another."""
        self.call(call)
        own = self._of(stream)
        own.ready, own.last = max(own.ready, point.ns), _joined([own.last, point.after])

    def wait_for_event(self, stamp: int, call: str = "cuEventSynchronize") -> None:
        """The host waits until the event has happened."""
        self.call(call)
        self._wait(stamp)

    def _enter(
        self, stream: int, call: str, correlation: int, more_ns: int = 0, turn_over: int | None = None
    ) -> tuple[_Stream, int, Places]:
        """The call that submits; then the stream, when the submission can start at the earliest, and after what."""
        self.call(call, correlation, more_ns)
        own, before = self._of(stream), self._before(stream)
        self._find_room(own)
        begin = self.host_ns + self.gpu.launch_latency_ns
        if before.ns:
            begin = max(begin, before.ns + (self.gpu.back_to_back_ns if turn_over is None else turn_over))
        return own, begin, before.after

    def _find_room(self, own: _Stream) -> None:
        """The call that was entered returns when the stream's queue has a free place."""
        while own.starts and own.starts[0] <= self.host_ns:
            own.starts.popleft()
        if len(own.starts) >= LAUNCH_QUEUE:
            self._return_at(own.starts.popleft())

    def _engine(self, operation: Operation, begin: int) -> int:
        """When the operation starts: a copy across the link, when its engine is free; it is busy from then on."""
        way = operation.direction
        if way is None or way == "D2D":
            return begin
        start = max(begin, self._engines.get(way, 0))
        self._engines[way] = start + operation.duration
        return start

    def _before(self, stream: int) -> Point:
        """Everything that the next operation of this stream must wait for."""
        own, default = self._of(stream), self._streams[DEFAULT_STREAM]
        if len(self._streams) == 1:  # as most programs have it, and this is every launch
            return Point(own.ready, own.last)
        if stream == DEFAULT_STREAM:
            waited_for = [other for other in self._streams.values() if other.blocking]
        else:
            waited_for = [own, default] if own.blocking else [own]
        return Point(max(each.ready for each in waited_for), _joined(each.last for each in waited_for))

    def _of(self, stream: int) -> _Stream:
        known = self._streams.get(stream)
        if known is None:
            known = self._streams[stream] = _Stream()
        return known

    def _wait(self, until: int) -> None:
        """The last call does not return before `until`."""
        if until > self.host_ns:
            self._return_at(until + self.host.synchronize_ns)

    def _return_at(self, moment: int) -> None:
        self._host_ns.value = moment
        self.calls[-1] = replace(self.calls[-1], end=moment)


def _joined(several: Iterable[Places]) -> Places:
    """Places, once each and in order."""
    kept = [places for places in several if places]
    return kept[0] if len(kept) == 1 else tuple(sorted({place for places in kept for place in places}))
