"""Streams: in-order queues. Their order is the clock's; this file gives them handles and numbers.

Handles 0 and CU_STREAM_LEGACY name the legacy default stream, number 0 on the clock; CU_STREAM_PER_THREAD names a
blocking stream of the calling thread's own.
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.vgpu.driver import contexts, handles
from harness.vgpu.driver.contexts import Context
from harness.vgpu.driver.entry import entry
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.state import driver

if TYPE_CHECKING:
    from harness.vgpu.driver.capture import Capture

NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING
_LEGACY, _PER_THREAD = (0, 1), 2  # null and CU_STREAM_LEGACY; CU_STREAM_PER_THREAD


@dataclass(eq=False, slots=True)
class Stream:
    """`number` names it on the clock; the default streams belong to whichever context is current."""

    number: int
    flags: int = 0
    made_in: Context | None = None
    capture: Capture | None = None  # that it takes part in

    @property
    def context(self) -> Context:
        return self.made_in or contexts.current()

    @property
    def blocking(self) -> bool:
        return not self.flags & NON_BLOCKING

    @property
    def name(self) -> str:
        return f"stream {self.number}" if self.number else "the legacy default stream"


LEGACY = Stream(0)
_numbers = itertools.count(1)


class _Thread(threading.local):
    def __init__(self) -> None:
        self.stream = Stream(next(_numbers))


_thread = _Thread()


def get(handle: int) -> Stream:
    """The stream that a handle names."""
    if handle in _LEGACY:
        return LEGACY
    return _thread.stream if handle == _PER_THREAD else handles.table.get(handle, Stream)


def create(flags: int) -> int:
    """A new stream's handle."""
    if flags & ~NON_BLOCKING:
        raise DriverError(Result.INVALID_VALUE, f"{flags:#x} are no stream flags")
    stream = Stream(next(_numbers), flags, contexts.current())
    driver.clock.stream(stream.number, blocking=stream.blocking)
    return handles.table.add(stream)


@entry
def cuStreamCreate(phStream, Flags):
    phStream[0] = create(Flags)


@entry
def cuStreamCreateWithPriority(phStream, flags, priority):
    phStream[0] = create(flags)


@entry
def cuStreamGetFlags(hStream, flags):
    flags[0] = get(hStream).flags


@entry
def cuStreamGetPriority(hStream, priority):
    get(hStream)
    priority[0] = 0


@entry
def cuStreamGetCtx(hStream, pctx):
    pctx[0] = get(hStream).context.handle
