"""The launch interface before CUDA 4: block shape, parameters and shared memory are set on the function, one by one.

PyCUDA still sets the block shape this way before each launch, and its deprecated methods use the rest.
"""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from harness.vgpu.activity import Extent
from harness.vgpu.driver import functions, launch, streams
from harness.vgpu.driver.entry import entry
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.functions import Function

MAX_PARAMETERS = 4096  # bytes: CUDA C++ Programming Guide, "Function Parameters"


@dataclass(slots=True)
class _Prepared:
    """What the next launch of a function uses."""

    block: Extent = (1, 1, 1)
    shared: int = 0
    parameters: bytearray = field(default_factory=bytearray)


_prepared: WeakKeyDictionary[Function, _Prepared] = WeakKeyDictionary()


def _of(handle: int) -> _Prepared:
    return _prepared.setdefault(functions.get(handle), _Prepared())


def _put(handle: int, offset: int, content: bytes) -> None:
    parameters, end = _of(handle).parameters, offset + len(content)
    if offset < 0 or end > MAX_PARAMETERS:
        raise DriverError(Result.INVALID_VALUE, f"parameters end at byte {end}; at most {MAX_PARAMETERS}")
    parameters.extend(bytes(max(end - len(parameters), 0)))
    parameters[offset:end] = content


def _launch(handle: int, width: int, height: int, stream: int) -> None:
    function, prepared = functions.get(handle), _of(handle)
    size = function.kernel.parameter_bytes
    if len(prepared.parameters) < size:
        message = f"{function.kernel.name} takes {size} bytes of parameters, {len(prepared.parameters)} are set"
        raise DriverError(Result.INVALID_VALUE, message)
    parameters = bytes(prepared.parameters[:size])
    launch.launch(function, (width, height, 1), prepared.block, prepared.shared, streams.get(stream), parameters)


@entry
def cuFuncSetBlockShape(hfunc, x, y, z):
    _of(hfunc).block = (x, y, z)


@entry
def cuFuncSetSharedSize(hfunc, bytes):
    _of(hfunc).shared = bytes


@entry
def cuParamSetSize(hfunc, numbytes):
    _put(hfunc, numbytes, b"")
    del _of(hfunc).parameters[numbytes:]


@entry
def cuParamSeti(hfunc, offset, value):
    _put(hfunc, offset, struct.pack("<I", value))


@entry
def cuParamSetf(hfunc, offset, value):
    _put(hfunc, offset, struct.pack("<f", value))


@entry
def cuParamSetv(hfunc, offset, ptr, numbytes):
    _put(hfunc, offset, ctypes.string_at(ptr, numbytes))


@entry
def cuLaunch(f):
    _launch(f, 1, 1, 0)


@entry
def cuLaunchGrid(f, grid_width, grid_height):
    _launch(f, grid_width, grid_height, 0)


@entry
def cuLaunchGridAsync(f, grid_width, grid_height, hStream):
    _launch(f, grid_width, grid_height, hStream)
