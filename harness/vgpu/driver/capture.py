"""Stream capture: what is put on a capturing stream becomes a node of a graph instead of running.

In: the calls that put work on a stream, each as "do it now" and as a node that does it later. Out: a `Graph` of nodes
with their dependencies, or the error that CUDA gives (CUDA C++ Programming Guide, "Creating a Graph Using Stream
Capture" and "Prohibited and Unhandled Operations"). A call that is prohibited invalidates the capture: from then on its
streams refuse everything until the capture is ended, which fails as well.

- Work that waits for an event of a capture joins its stream to the capture; all of them are joined when it ends.
- While a blocking stream captures, the legacy default stream cannot be used: it would have to wait for that stream.
- Calls that wait, allocate or load are prohibited in a thread that captures, and, while any capture is global, in the
  others; CU_STREAM_CAPTURE_MODE_RELAXED allows them (cuThreadExchangeStreamCaptureMode).
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from harness.vgpu.activity import Operation
from harness.vgpu.driver import contexts, entry, handles
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.state import driver
from harness.vgpu.driver.streams import LEGACY, Stream

GLOBAL, THREAD_LOCAL, RELAXED = 0, 1, 2  # CUstreamCaptureMode
NONE, ACTIVE, INVALIDATED = 0, 1, 2  # CUstreamCaptureStatus


class NodeType(IntEnum):
    """CUgraphNodeType, of those that the vgpu makes."""

    KERNEL = 0
    MEMCPY = 1
    MEMSET = 2
    EMPTY = 5


@dataclass(eq=False, slots=True)
class GraphNode:
    """`run` does the node's work at a launch and says what it was; an empty node has none."""

    kind: NodeType
    run: Callable[[], Operation] | None
    after: tuple[int, ...]  # places of earlier nodes
    handle: int = 0


@dataclass(eq=False)
class Graph:
    """Nodes in the order in which they were added."""

    nodes: list[GraphNode] = field(default_factory=list)

    def add(self, kind: NodeType, run: Callable[[], Operation] | None, after: tuple[int, ...]) -> int:
        """The new node's place."""
        node = GraphNode(kind, run, after)
        node.handle = handles.table.add(node)
        self.nodes.append(node)
        return len(self.nodes) - 1

    def destroy(self) -> None:
        """Take the handles of its nodes back."""
        for node in self.nodes:
            handles.table.remove(node.handle, GraphNode)


@dataclass(eq=False)
class Capture:
    """One capture sequence; `frontiers` are the streams in it, each with the nodes that its next one waits for."""

    origin: Stream
    mode: int
    number: int
    thread: int = field(default_factory=threading.get_ident)
    graph: Graph = field(default_factory=Graph)
    frontiers: dict[Stream, tuple[int, ...]] = field(default_factory=dict)
    broken: str = ""  # why it is invalid
    ended: bool = False

    def join(self, stream: Stream, after: tuple[int, ...]) -> None:
        """The stream takes part from now on, and what follows in it waits for these nodes too."""
        stream.capture = self
        self.frontiers[stream] = tuple(sorted({*self.frontiers.get(stream, ()), *after}))

    def add(self, stream: Stream, kind: NodeType, run: Callable[[], Operation] | None) -> None:
        """A node behind what the stream holds."""
        self.frontiers[stream] = (self.graph.add(kind, run, self.frontiers[stream]),)

    def invalidate(self, reason: str) -> None:
        self.broken = self.broken or reason

    def end(self) -> None:
        """Its streams run their work again."""
        self.ended = True
        for stream in self.frontiers:
            stream.capture = None
        going_on.remove(self)

    def unjoined(self) -> list[Stream]:
        """Streams with nodes that the origin does not wait for."""
        joined, left = set(), list(self.frontiers[self.origin])
        while left:
            place = left.pop()
            if place not in joined:
                joined.add(place)
                left += self.graph.nodes[place].after
        return [stream for stream, last in self.frontiers.items() if not joined.issuperset(last)]


going_on: list[Capture] = []
_numbers = itertools.count(1)


class _Thread(threading.local):
    mode = GLOBAL


_thread = _Thread()


def begin(stream: Stream, mode: int) -> None:
    """Capture what is put on the stream from now on."""
    if stream is LEGACY:
        raise DriverError(Result.STREAM_CAPTURE_UNSUPPORTED, "the legacy default stream cannot be captured")
    if mode not in (GLOBAL, THREAD_LOCAL, RELAXED):
        raise DriverError(Result.INVALID_VALUE, f"{mode} is no capture mode")
    if stream.capture:
        raise DriverError(Result.ILLEGAL_STATE, f"{stream.name} is being captured already")
    capture = Capture(stream, mode, next(_numbers))
    capture.join(stream, ())
    going_on.append(capture)


def end(stream: Stream) -> Graph:
    """The graph; an error where the capture came to none, which ends it too."""
    capture = stream.capture
    if capture is None:
        raise DriverError(Result.ILLEGAL_STATE, f"{stream.name} is not being captured")
    if capture.origin is not stream:
        message = f"{stream.name} joined this capture; it ends on {capture.origin.name}, where it began"
        capture.invalidate(message)
        raise DriverError(Result.STREAM_CAPTURE_UNMATCHED, message)
    if capture.mode != RELAXED and capture.thread != threading.get_ident():
        raise DriverError(Result.STREAM_CAPTURE_WRONG_THREAD, "a capture ends in the thread that began it")
    unjoined = capture.unjoined()
    capture.end()
    if capture.broken:
        raise DriverError(Result.STREAM_CAPTURE_INVALIDATED, f"the capture is invalid: {capture.broken}")
    if unjoined:
        names = ", ".join(each.name for each in unjoined)
        message = f"{capture.origin.name} does not wait for the work captured on {names}: join it by an event"
        raise DriverError(Result.STREAM_CAPTURE_UNJOINED, message)
    return capture.graph


def submit(stream: Stream, call: str, now: Callable[[], object], kind: NodeType, node: Callable[[], Operation]) -> None:
    """Put work on a stream: do it now, or keep it as a node where the stream is being captured."""
    capture = entered(stream, call)
    if capture is None:
        now()
        return
    driver.clock.call(call)
    capture.add(stream, kind, node)


def entered(stream: Stream, call: str) -> Capture | None:
    """The capture that the stream is in, where the call may use the stream."""
    if not going_on:
        return None
    capture = stream.capture
    if capture is not None and capture.broken:
        raise DriverError(Result.STREAM_CAPTURE_INVALIDATED, f"{call}: the capture is invalid: {capture.broken}")
    if stream is LEGACY:
        _refuse_legacy(call)
    return capture


def _refuse_legacy(call: str) -> None:
    """The legacy default stream waits for blocking streams, and a synchronous call for the legacy default stream."""
    context = contexts.current()
    blocking = [each for each in going_on if any(s.blocking and s.context is context for s in each.frontiers)]
    if blocking:
        message = f"{call} would make the legacy default stream depend on a blocking stream that is being captured"
        for capture in blocking:
            capture.invalidate(message)
        raise DriverError(Result.STREAM_CAPTURE_IMPLICIT, message)
    if "Async" not in call and call.startswith("cuMem"):
        refuse_unsafe(call)


def refuse_unsafe(call: str) -> None:
    """Refuse a call that a capture prohibits in this thread, and invalidate the captures that do."""
    if prohibiting := [capture for capture in going_on if _prohibits(capture)]:
        message = f"{call} is not permitted while {prohibiting[0].origin.name} is being captured"
        for capture in prohibiting:
            capture.invalidate(message)
        raise DriverError(Result.STREAM_CAPTURE_UNSUPPORTED, message)


def _prohibits(capture: Capture) -> bool:
    if _thread.mode == RELAXED or capture.mode == RELAXED:
        return False
    own = capture.thread == threading.get_ident()
    return own or (_thread.mode == GLOBAL and capture.mode == GLOBAL)


def refuse_waiting(stream: Stream | None, call: str) -> None:
    """A wait for a stream that is being captured, or for a context (None) with one, waits for what does not run."""
    touched = [stream.capture] if stream and stream.capture else going_on if stream is None else []
    if touched:
        message = f"{call} asks for work that is being captured, and captured work does not run"
        for capture in touched:
            capture.invalidate(message)
        raise DriverError(Result.STREAM_CAPTURE_UNSUPPORTED, message)
    if stream is LEGACY and going_on:
        _refuse_legacy(call)
    refuse_unsafe(call)


def refuse_captured(stream: Stream, call: str) -> None:
    """For stream-ordered calls that the vgpu makes no node of."""
    if capture := entered(stream, call):
        message = f"the vgpu captures no {call} into a graph"
        capture.invalidate(message)
        raise DriverError(Result.NOT_SUPPORTED, message)


def exchange_mode(mode: int) -> int:
    """Set this thread's mode; the one before."""
    if mode not in (GLOBAL, THREAD_LOCAL, RELAXED):
        raise DriverError(Result.INVALID_VALUE, f"{mode} is no capture mode")
    before, _thread.mode = _thread.mode, mode
    return before


def status(stream: Stream) -> int:
    """NONE, ACTIVE or INVALIDATED; the legacy default stream has none while a blocking stream is captured."""
    if stream is LEGACY and any(s.blocking for capture in going_on for s in capture.frontiers):
        message = "the legacy default stream has no capture status while a blocking stream is being captured"
        raise DriverError(Result.STREAM_CAPTURE_IMPLICIT, message)
    if stream.capture is None:
        return NONE
    return INVALIDATED if stream.capture.broken else ACTIVE


def forget(stream: Stream) -> None:
    """A stream that is destroyed takes its capture with it."""
    if capture := stream.capture:
        capture.invalidate(f"{stream.name} was destroyed")
        if capture.origin is stream:
            capture.end()


entry.refuse_unsafe.append(refuse_unsafe)
