"""Events: points on a stream's time line. Times are the virtual clock's."""

from __future__ import annotations

from dataclasses import dataclass

from harness.vgpu.clock import Point
from harness.vgpu.driver import handles, streams
from harness.vgpu.driver.entry import entry
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.state import driver

_NO_TIMING, _INTERPROCESS = 2, 4  # CUevent_flags; 1 is a hint how to wait


@dataclass(eq=False, slots=True)
class Event:
    """`point` is the point of a stream that it marks; None before it is recorded."""

    flags: int
    point: Point | None = None

    @property
    def happened(self) -> bool:
        return self.point is None or self.point.ns <= driver.clock.host_ns


def elapsed_ms(start: Event, end: Event) -> float | None:
    """Milliseconds between two events; None before both have happened."""
    stamps = []
    for event in (start, end):
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
    event = handles.table.get(hEvent, Event)
    event.point = driver.clock.record(streams.number(hStream))


@entry
def cuEventRecordWithFlags(hEvent, hStream, flags):
    cuEventRecord(hEvent, hStream)


@entry
def cuEventSynchronize(hEvent):
    point = handles.table.get(hEvent, Event).point
    if point is not None:
        driver.clock.wait_for_event(point.ns)


@entry
def cuEventQuery(hEvent):
    event = handles.table.get(hEvent, Event)
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
    order, point = streams.number(hStream), handles.table.get(hEvent, Event).point
    if point is not None:
        driver.clock.wait(order, point)
