"""Events: points on a stream's time line. Times are the virtual clock's."""

from __future__ import annotations

from dataclasses import dataclass

from harness.vgpu.driver import handles, streams
from harness.vgpu.driver.entry import entry
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.state import driver

_NO_TIMING, _INTERPROCESS = 2, 4  # CUevent_flags; 1 is a hint how to wait


@dataclass(eq=False, slots=True)
class Event:
    """`stamp` is when it happens, in nanoseconds; None before it is recorded."""

    flags: int
    stamp: int | None = None

    @property
    def happened(self) -> bool:
        return self.stamp is None or self.stamp <= driver.clock.host_ns


def elapsed_ms(start: Event, end: Event) -> float | None:
    """Milliseconds between two events; None before both have happened."""
    for event in (start, end):
        if event.stamp is None:
            raise DriverError(Result.INVALID_HANDLE, "elapsed time of an event that was never recorded")
        if event.flags & _NO_TIMING:
            raise DriverError(Result.INVALID_HANDLE, "elapsed time of an event that was created with DISABLE_TIMING")
    if not (start.happened and end.happened):
        return None
    return ((end.stamp or 0) - (start.stamp or 0)) / 1e6


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
    event.stamp = driver.clock.record(streams.number(hStream))


@entry
def cuEventRecordWithFlags(hEvent, hStream, flags):
    cuEventRecord(hEvent, hStream)


@entry
def cuEventSynchronize(hEvent):
    stamp = handles.table.get(hEvent, Event).stamp
    if stamp is not None:
        driver.clock.wait_for_event(stamp)


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
    order, stamp = streams.number(hStream), handles.table.get(hEvent, Event).stamp
    if stamp is not None:
        driver.clock.wait(order, stamp)
