"""Events: points on a stream's time line. Times are the virtual clock's."""

from __future__ import annotations

from dataclasses import dataclass

from harness.vgpu.clock import Point
from harness.vgpu.driver import capture, handles, streams
from harness.vgpu.driver.capture import Capture
from harness.vgpu.driver.entry import entry
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.state import driver
from harness.vgpu.driver.streams import Stream

_NO_TIMING, _INTERPROCESS = 2, 4  # CUevent_flags; 1 is a hint how to wait
_EXTERNAL = 1  # CU_EVENT_RECORD_EXTERNAL, CU_EVENT_WAIT_EXTERNAL: a node of its own


@dataclass(eq=False, slots=True)
class Event:
    """`point` is the point of a stream that it marks; None before it is recorded.

    An event recorded on a stream that is being captured marks nodes of that `capture`, and happens never.
    """

    flags: int
    point: Point | None = None
    capture: Capture | None = None
    nodes: tuple[int, ...] = ()

    @property
    def happened(self) -> bool:
        return self.point is None or self.point.ns <= driver.clock.host_ns


def _ask(event: Event, call: str) -> None:
    """Refuse to wait for an event, or to look whether it has happened, where a capture prohibits that."""
    if event.capture:
        message = f"{call} asks for an event that was last recorded on a stream that was being captured"
        event.capture.invalidate(message)
        raise DriverError(Result.CAPTURED_EVENT, message)
    capture.refuse_unsafe(call)


def elapsed_ms(start: Event, end: Event) -> float | None:
    """Milliseconds between two events; None before both have happened."""
    stamps = []
    for event in (start, end):
        if event.capture:
            raise DriverError(Result.CAPTURED_EVENT, "elapsed time of an event that was captured into a graph")
        if event.point is None:
            raise DriverError(Result.INVALID_HANDLE, "elapsed time of an event that was never recorded")
        if event.flags & _NO_TIMING:
            raise DriverError(Result.INVALID_HANDLE, "elapsed time of an event that was created with DISABLE_TIMING")
        stamps.append(event.point.ns)
    return (stamps[1] - stamps[0]) / 1e6 if start.happened and end.happened else None


@entry
def cuEventCreate(phEvent, Flags):
    if Flags & _INTERPROCESS:
        raise DriverError(Result.NOT_SUPPORTED, "the vgpu shares no events between processes")
    phEvent[0] = handles.table.add(Event(Flags))


@entry(clean_up=True)
def cuEventDestroy_v2(hEvent):
    handles.table.remove(hEvent, Event)


@entry
def cuEventRecord(hEvent, hStream):
    event, stream = handles.table.get(hEvent, Event), streams.get(hStream)
    event.capture = capture.entered(stream, "cuEventRecord")
    if event.capture:
        driver.clock.call("cuEventRecord")
        event.nodes, event.point = event.capture.frontiers[stream], None
    else:
        event.nodes, event.point = (), driver.clock.record(stream.number)


@entry
def cuEventRecordWithFlags(hEvent, hStream, flags):
    if flags & _EXTERNAL:
        capture.refuse_captured(streams.get(hStream), "cuEventRecordWithFlags(EXTERNAL)")
    cuEventRecord(hEvent, hStream)


@entry
def cuEventSynchronize(hEvent):
    event = handles.table.get(hEvent, Event)
    _ask(event, "cuEventSynchronize")
    if event.point is not None:
        driver.clock.wait_for_event(event.point.ns)


@entry
def cuEventQuery(hEvent):
    event = handles.table.get(hEvent, Event)
    _ask(event, "cuEventQuery")
    driver.clock.call("cuEventQuery")
    return Result.SUCCESS if event.happened else Result.NOT_READY


@entry(also="cuEventElapsedTime")
def cuEventElapsedTime_v2(pMilliseconds, hStart, hEnd):
    milliseconds = elapsed_ms(handles.table.get(hStart, Event), handles.table.get(hEnd, Event))
    if milliseconds is None:
        return Result.NOT_READY
    pMilliseconds[0] = milliseconds
    return Result.SUCCESS


@entry
def cuStreamWaitEvent(hStream, hEvent, Flags):
    stream, event = streams.get(hStream), handles.table.get(hEvent, Event)
    if Flags & _EXTERNAL:
        capture.refuse_captured(stream, "cuStreamWaitEvent(EXTERNAL)")
    into = capture.entered(stream, "cuStreamWaitEvent")
    if event.capture:
        driver.clock.call("cuStreamWaitEvent")
        _join(stream, into, event.capture, event.nodes)
    elif event.point is not None and into:
        message = (
            f"{stream.name} is being captured, and would wait for an event that was recorded outside of the capture"
        )
        into.invalidate(message)
        raise DriverError(Result.STREAM_CAPTURE_ISOLATION, message)
    elif event.point is not None:
        driver.clock.wait(stream.number, event.point)


def _join(stream: Stream, into: Capture | None, captured: Capture, nodes: tuple[int, ...]) -> None:
    """What follows on the stream waits for these nodes, in their capture."""
    if captured.ended:
        raise DriverError(Result.CAPTURED_EVENT, "the event was recorded in a capture that has ended")
    if captured.broken:
        raise DriverError(Result.STREAM_CAPTURE_INVALIDATED, f"the event's capture is invalid: {captured.broken}")
    if stream is streams.LEGACY:
        message = "the legacy default stream cannot join a capture"
        captured.invalidate(message)
        raise DriverError(Result.STREAM_CAPTURE_IMPLICIT, message)
    if into not in (None, captured):
        message = f"{stream.name} is in another capture than the event: two captures cannot be merged"
        for each in (into, captured):
            each.invalidate(message)
        raise DriverError(Result.STREAM_CAPTURE_MERGE, message)
    captured.join(stream, nodes)
