"""Streams: in-order queues. Their order is the clock's; this file gives them handles and numbers.

Number 0 is the legacy default stream; handles 0 and CU_STREAM_LEGACY name it, CU_STREAM_PER_THREAD is taken for it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from harness.vgpu.driver import contexts, handles
from harness.vgpu.driver.contexts import Context
from harness.vgpu.driver.entry import entry
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.state import driver

NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING
_DEFAULT = (0, 1, 2)  # null, CU_STREAM_LEGACY, CU_STREAM_PER_THREAD


@dataclass(eq=False, slots=True)
class Stream:
    """`number` names it on the clock."""

    number: int
    flags: int
    context: Context


_numbers = itertools.count(1)


def number(handle: int) -> int:
    """The clock's number of a stream."""
    return 0 if handle in _DEFAULT else handles.table.get(handle, Stream).number


def create(flags: int) -> int:
    """A new stream's handle."""
    if flags & ~NON_BLOCKING:
        raise DriverError(Result.INVALID_VALUE, f"{flags:#x} are no stream flags")
    stream = Stream(next(_numbers), flags, contexts.current())
    driver.clock.stream(stream.number, blocking=not flags & NON_BLOCKING)
    return handles.table.add(stream)


@entry
def cuStreamCreate(phStream, Flags):
    phStream[0] = create(Flags)


@entry
def cuStreamCreateWithPriority(phStream, flags, priority):
    phStream[0] = create(flags)


@entry(clean_up=True)
def cuStreamDestroy_v2(hStream):
    handles.table.remove(hStream, Stream)


@entry
def cuStreamSynchronize(hStream):
    driver.clock.synchronize(number(hStream))


@entry
def cuStreamQuery(hStream):
    done = driver.clock.completes(number(hStream)) <= driver.clock.call("cuStreamQuery").end
    return Result.SUCCESS if done else Result.NOT_READY


@entry
def cuStreamGetFlags(hStream, flags):
    flags[0] = 0 if hStream in _DEFAULT else handles.table.get(hStream, Stream).flags


@entry
def cuStreamGetPriority(hStream, priority):
    number(hStream)
    priority[0] = 0


@entry
def cuStreamGetCtx(hStream, pctx):
    context = contexts.current() if hStream in _DEFAULT else handles.table.get(hStream, Stream).context
    pctx[0] = context.handle


@entry
def cuStreamAttachMemAsync(hStream, dptr, length, flags):
    """Managed memory is visible to every stream at any time."""
    number(hStream)
