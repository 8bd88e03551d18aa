"""The border to C: functions that the library exports, registered by name, made safe to call from there.

In: a Python function with the parameters of its C prototype; it sets its results through the pointers it gets and
raises where it refuses. Out: `table`, the same functions by name, which never raise and return a CUDA result code.
"""

from __future__ import annotations

import _thread
import threading
import traceback
from collections.abc import Callable
from enum import Enum
from functools import partial, wraps

from harness.errors import FuseproofError
from harness.vgpu.driver import reports
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.state import driver
from harness.vgpu.errors import VgpuError

Function = Callable[..., "Result | None"]


class Needs(Enum):
    """What must have happened before a call."""

    NOTHING = 0
    START = 1  # cuInit
    CONTEXT = 2  # a context is current in the calling thread


_NOTHING, _CONTEXT, _SUCCESS = Needs.NOTHING, Needs.CONTEXT, int(Result.SUCCESS)  # members of enums are slow to reach


class _Border:
    """One thread at a time is inside the driver.

    Python's garbage collector may destroy an object of PyCUDA at any moment, also while its thread is inside the
    driver: such a clean-up call waits in `deferred` until the outer call has ended.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.depth = 0
        self.deferred: list[Callable[[], object]] = []

    def __enter__(self) -> None:
        self.lock.acquire()
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        if self.depth == 1:
            while self.deferred:
                self.deferred.pop(0)()
        self.depth -= 1
        self.lock.release()


table: dict[str, Callable[..., int]] = {}
border = _Border()
require_context: list[Callable[[], object]] = []  # filled by contexts: raises where no context is current
refuse_unsafe: list[Callable[[str], object]] = []  # filled by capture: raises where a capture prohibits the call


def entry(
    function: Function | None = None,
    *,
    needs: Needs = Needs.CONTEXT,
    also: str = "",
    clean_up: bool = False,
    unsafe: bool = False,
):
    """Export a function under its own name (and `also` under another).

    `clean_up` calls may be deferred; `unsafe` ones may wait for the device, which a stream capture prohibits.
    """
    if function is None:
        return partial(entry, needs=needs, also=also, clean_up=clean_up, unsafe=unsafe)
    name = function.__name__
    call = partial(_call, name, _unless_captured(name, function) if unsafe else function, needs, clean_up)
    table.update({exported: call for exported in (name, also) if exported})
    return function


def _call(name: str, function: Function, needs: Needs, clean_up: bool, *arguments: object) -> int:
    border.lock.acquire()  # a `with` costs two more calls, and this is every call of every program
    border.depth += 1
    try:
        if clean_up and border.depth > 1:
            border.deferred.append(partial(_guarded, name, function, needs, arguments))
            return _SUCCESS
        return _guarded(name, function, needs, arguments)
    finally:
        border.leave()


def _guarded(name: str, function: Function, needs: Needs, arguments: tuple[object, ...]) -> int:
    """The result code of one call, whatever happens inside."""
    try:
        if needs is not _NOTHING and not driver.started:
            raise DriverError(Result.NOT_INITIALIZED, "the driver is not started: call cuInit first")
        if needs is _CONTEXT:
            for require in require_context:
                require()
        result = int(function(*arguments) or _SUCCESS)
    except VgpuError as error:
        reports.failed(name, error.code, str(error))
        return error.code
    except FuseproofError as error:
        reports.failed(name, Result.UNKNOWN, str(error))
        return Result.UNKNOWN
    except KeyboardInterrupt:
        reports.failed(name, Result.UNKNOWN, "interrupted")
        _thread.interrupt_main()  # C callers cannot carry it: Python raises it again at its next instruction
        return Result.UNKNOWN
    except BaseException:
        reports.failed(name, Result.UNKNOWN, f"this is a defect of fuseproof's driver:\n{traceback.format_exc()}")
        return Result.UNKNOWN
    reports.succeeded()
    return result


def _unless_captured(name: str, function: Function) -> Function:
    @wraps(function)
    def call(*arguments: object) -> Result | None:
        for refuse in refuse_unsafe:
            refuse(name)
        return function(*arguments)

    return call


def unsupported(name: str) -> Callable[..., int]:
    """What a function that isn't implemented does."""

    def refuse(*_: object) -> int:
        reports.failed(name, Result.NOT_SUPPORTED, f"the vgpu does not support {name}")
        return Result.NOT_SUPPORTED

    return refuse
