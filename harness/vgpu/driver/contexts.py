"""Contexts: which one is current in each thread, the device's primary one, and what goes away with them.

A context owns memory and modules; those who keep such things learn of its end through `at_end`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.vgpu.driver import devices, handles
from harness.vgpu.driver.entry import Needs, entry, require_context
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.state import driver

API_VERSION = 3020  # the driver API has not changed incompatibly since CUDA 3.2
LIMITS = {0: 1024, 1: 1 << 20, 2: 8 << 20}  # stack of a thread, printf buffer, device heap: CUlimit, CUDA's defaults


@dataclass(eq=False)
class Context:
    """`users` counts attachments (or, of the primary context, retains); at 0 the context ends."""

    flags: int = 0
    primary: bool = False
    users: int = 1
    limits: dict[int, int] = field(default_factory=lambda: dict(LIMITS))
    handle: int = 0

    @property
    def alive(self) -> bool:
        return self.users > 0


class _Thread(threading.local):
    def __init__(self) -> None:
        self.stack: list[Context] = []


at_end: list[Callable[[Context], None]] = []
_thread = _Thread()
_primary = Context(primary=True, users=0)
_primary.handle = handles.table.add(_primary)


def current() -> Context:
    """The calling thread's context."""
    if not _thread.stack:
        raise DriverError(Result.INVALID_CONTEXT, "no context is current in this thread: create one, or push one")
    context = _thread.stack[-1]
    if not context.alive:
        raise DriverError(Result.CONTEXT_IS_DESTROYED, "the current context is destroyed")
    return context


require_context.append(current)


def create(flags: int) -> Context:
    """A new context, current in the calling thread."""
    context = Context(flags=flags)
    context.handle = handles.table.add(context)
    _thread.stack.append(context)
    return context


def leave(context: Context) -> None:
    """One user less; the last one ends the context and frees what it owns."""
    context.users -= 1
    if context.alive:
        return
    driver.clock.synchronize()
    for release in at_end:
        release(context)
    if not context.primary:
        handles.table.remove(context.handle, Context)
        if _thread.stack and _thread.stack[-1] is context:
            _thread.stack.pop()


def _of(handle: int) -> Context:
    """The context of a handle; 0 is the current one."""
    try:
        return handles.table.get(handle, Context) if handle else current()
    except DriverError as error:
        raise DriverError(Result.INVALID_CONTEXT, str(error)) from error


@entry(needs=Needs.START)
def cuCtxCreate_v2(pctx, flags, dev):
    devices.check(dev)
    pctx[0] = create(flags).handle


@entry(needs=Needs.START)
def cuCtxCreate_v4(pctx, ctxCreateParams, flags, dev):
    if ctxCreateParams:
        raise DriverError(Result.NOT_SUPPORTED, "the vgpu has no execution affinity and no CIG contexts")
    cuCtxCreate_v2(pctx, flags, dev)


@entry(needs=Needs.START)
def cuCtxDestroy_v2(ctx):
    context = _of(ctx)
    if context.primary:
        raise DriverError(Result.INVALID_CONTEXT, "the primary context is released, not destroyed")
    context.users = 1
    leave(context)


@entry
def cuCtxAttach(pctx, flags):
    context = current()
    context.users += 1
    pctx[0] = context.handle


@entry(needs=Needs.START)
def cuCtxDetach(ctx):
    leave(_of(ctx))


@entry(needs=Needs.START)
def cuCtxPushCurrent_v2(ctx):
    _thread.stack.append(_of(ctx))


@entry(needs=Needs.START)
def cuCtxPopCurrent_v2(pctx):
    if not _thread.stack:
        raise DriverError(Result.INVALID_CONTEXT, "no context is current in this thread")
    popped = _thread.stack.pop()
    if pctx:
        pctx[0] = popped.handle


@entry(needs=Needs.START)
def cuCtxSetCurrent(ctx):
    replacing = [_of(ctx)] if ctx else []
    _thread.stack[-1:] = replacing


@entry(needs=Needs.START)
def cuCtxGetCurrent(pctx):
    pctx[0] = _thread.stack[-1].handle if _thread.stack else 0


@entry
def cuCtxGetDevice(device):
    device[0] = devices.ORDINAL


@entry
def cuCtxGetFlags(flags):
    flags[0] = current().flags


@entry(needs=Needs.START)
def cuCtxGetApiVersion(ctx, version):
    _of(ctx)
    version[0] = API_VERSION


@entry
def cuCtxGetLimit(pvalue, limit):
    pvalue[0] = _limits(limit)[limit]


@entry
def cuCtxSetLimit(limit, value):
    _limits(limit)[limit] = value


def _limits(limit: int) -> dict[int, int]:
    limits = current().limits
    if limit not in limits:
        raise DriverError(Result.UNSUPPORTED_LIMIT, f"the vgpu has no limit {limit}; known: {sorted(limits)}")
    return limits


@entry
def cuCtxGetCacheConfig(pconfig):
    pconfig[0] = 0  # CU_FUNC_CACHE_PREFER_NONE


@entry
def cuCtxSetCacheConfig(config):
    """A hint: L1 is not modelled."""


@entry
def cuCtxGetSharedMemConfig(pConfig):
    pConfig[0] = 1  # CU_SHARED_MEM_CONFIG_FOUR_BYTE_BANK_SIZE: all GPUs since Maxwell


@entry
def cuCtxSetSharedMemConfig(config):
    """A hint that GPUs since Maxwell ignore."""


@entry
def cuCtxGetStreamPriorityRange(leastPriority, greatestPriority):
    leastPriority[0] = greatestPriority[0] = 0


@entry(needs=Needs.START)
def cuDevicePrimaryCtxRetain(pctx, dev):
    devices.check(dev)
    _primary.users += 1
    pctx[0] = _primary.handle


@entry(needs=Needs.START)
def cuDevicePrimaryCtxRelease_v2(dev):
    devices.check(dev)
    if not _primary.alive:
        raise DriverError(Result.INVALID_CONTEXT, "the primary context is not retained")
    leave(_primary)


@entry(needs=Needs.START)
def cuDevicePrimaryCtxReset_v2(dev):
    devices.check(dev)
    if _primary.alive:
        for release in at_end:
            release(_primary)


@entry(needs=Needs.START)
def cuDevicePrimaryCtxGetState(dev, flags, active):
    devices.check(dev)
    flags[0], active[0] = _primary.flags, int(_primary.alive)


@entry(needs=Needs.START)
def cuDevicePrimaryCtxSetFlags_v2(dev, flags):
    devices.check(dev)
    _primary.flags = flags
