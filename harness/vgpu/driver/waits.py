"""Waiting for streams and contexts, asking whether they are done, and the end of a stream."""

from __future__ import annotations

from harness.vgpu.driver import capture, handles, streams
from harness.vgpu.driver.entry import entry
from harness.vgpu.driver.errors import Result
from harness.vgpu.driver.state import driver
from harness.vgpu.driver.streams import Stream


@entry(clean_up=True)
def cuStreamDestroy_v2(hStream):
    capture.forget(handles.table.remove(hStream, Stream))


@entry
def cuStreamSynchronize(hStream):
    stream = streams.get(hStream)
    capture.refuse_waiting(stream, "cuStreamSynchronize")
    driver.clock.synchronize(stream.number)


@entry
def cuStreamQuery(hStream):
    stream = streams.get(hStream)
    capture.refuse_waiting(stream, "cuStreamQuery")
    done = driver.clock.completes(stream.number) <= driver.clock.call("cuStreamQuery").end
    return Result.SUCCESS if done else Result.NOT_READY


@entry
def cuStreamAttachMemAsync(hStream, dptr, length, flags):
    """Managed memory is visible to every stream at any time."""
    capture.refuse_captured(streams.get(hStream), "cuStreamAttachMemAsync")


@entry
def cuCtxSynchronize():
    capture.refuse_waiting(None, "cuCtxSynchronize")
    driver.clock.synchronize()
