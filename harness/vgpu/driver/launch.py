"""Launches: check what CUDA checks, run the kernel to its end, put it on the clock."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod
from weakref import WeakKeyDictionary

from harness.vgpu.activity import Extent, Operation
from harness.vgpu.driver import capture, functions, streams
from harness.vgpu.driver.capture import NodeType
from harness.vgpu.driver.entry import entry
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.functions import Function
from harness.vgpu.driver.state import driver
from harness.vgpu.driver.streams import Stream
from harness.vgpu.kernel_time import kernel_ns
from harness.vgpu.occupancy import occupancy

MAX_GRID = (2**31 - 1, 65535, 65535)
MAX_BLOCK = (1024, 1024, 64)
_END, _POINTER, _SIZE = 0, 1, 2  # CU_LAUNCH_PARAM_*
_PADDING = 16  # a parameter buffer may be padded to the alignment of its widest member


def launch(
    function: Function,
    grid: Extent,
    block: Extent,
    dynamic_shared: int,
    stream: Stream,
    parameters: bytes,
    cooperative: bool = False,
) -> None:
    """Run a kernel, or capture it; refuse what the GPU would refuse."""
    run = prepared(function, grid, block, dynamic_shared, parameters, cooperative)

    def now() -> None:
        driver.clock.submit(stream.number, run(), "cuLaunchKernel")

    capture.submit(stream, "cuLaunchKernel", now, NodeType.KERNEL, run)


def prepared(
    function: Function,
    grid: Extent,
    block: Extent,
    dynamic_shared: int,
    parameters: bytes,
    cooperative: bool = False,
) -> Callable[[], Operation]:
    """A launch that was checked: each call runs the kernel with these arguments and says what it was."""
    accepted = _accept(function, grid, block, dynamic_shared)
    if cooperative:
        _check_residence(function, grid, block, accepted)
    return partial(_run, function, grid, block, dynamic_shared, parameters, cooperative, accepted)


def _run(
    function: Function,
    grid: Extent,
    block: Extent,
    dynamic_shared: int,
    parameters: bytes,
    cooperative: bool,
    accepted: _Accepted,
) -> Operation:
    mode = driver.mode
    counters = function.kernel.launch(grid, block, dynamic_shared, parameters, mode, cooperative)
    duration = accepted.uncounted_ns
    if mode.counted:
        duration = kernel_ns(counters, grid, block, accepted.registers, accepted.shared_bytes, driver.gpu)
    return Operation(
        "kernel",
        function.kernel.name,
        duration,
        grid=grid,
        block=block,
        registers=accepted.registers,
        shared_bytes=accepted.shared_bytes,
        counters=counters,
    )


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A launch that the GPU takes, what it occupies there, and how long it lasts where nobody counts."""

    registers: int
    shared_bytes: int
    uncounted_ns: int


_MOST_KEPT = 256  # shapes of a function
_accepted: WeakKeyDictionary[Function, dict[tuple, _Accepted]] = WeakKeyDictionary()


def _accept(function: Function, grid: Extent, block: Extent, dynamic_shared: int) -> _Accepted:
    """Checked once for each shape: programs launch the same again and again. Raises DriverError."""
    known = _accepted.setdefault(function, {})
    key = (grid, block, dynamic_shared, function.dynamic_limit, driver.gpu.name)
    if key not in known:
        _check(function, grid, block, dynamic_shared)
        if len(known) >= _MOST_KEPT:
            known.clear()
        registers, shared = function.registers, function.static_shared + dynamic_shared
        known[key] = _Accepted(registers, shared, kernel_ns(None, grid, block, registers, shared, driver.gpu))
    return known[key]


def _check(function: Function, grid: Extent, block: Extent, dynamic_shared: int) -> None:
    name, gpu = function.kernel.name, driver.gpu
    for what, extent, most in (("grid", grid, MAX_GRID), ("block", block, MAX_BLOCK)):
        if any(not 1 <= size <= limit for size, limit in zip(extent, most, strict=True)):
            raise DriverError(Result.INVALID_VALUE, f"{name}: a {what} of {extent}; each side is from 1 to {most}")
    threads = prod(block)
    if threads > gpu.threads_per_block:
        raise DriverError(
            Result.INVALID_VALUE, f"{name}: a block of {threads} threads; at most {gpu.threads_per_block}"
        )
    if dynamic_shared > function.max_dynamic_shared:
        raise DriverError(
            Result.INVALID_VALUE,
            f"{name}: {dynamic_shared} bytes of dynamic shared memory, {function.max_dynamic_shared} are allowed; "
            "raise it with cuFuncSetAttribute(MAX_DYNAMIC_SHARED_SIZE_BYTES)",
        )
    if function.kernel.max_threads and threads > function.kernel.max_threads:
        message = f"{name}: a block of {threads} threads; its __launch_bounds__ allow {function.kernel.max_threads}"
        raise DriverError(Result.LAUNCH_OUT_OF_RESOURCES, message)
    fit = occupancy(block, function.registers, function.static_shared + dynamic_shared, gpu)
    if not fit.blocks_per_sm:
        raise DriverError(
            Result.LAUNCH_OUT_OF_RESOURCES,
            f"{name}: a block of {threads} threads, {function.registers} registers a thread and "
            f"{function.static_shared + dynamic_shared} bytes of shared memory does not fit on {gpu.full_name}: "
            f"{fit.limit} are exhausted",
        )


def _check_residence(function: Function, grid: Extent, block: Extent, accepted: _Accepted) -> None:
    """Blocks that wait for each other have to fit on the GPU together."""
    gpu, blocks = driver.gpu, prod(grid)
    room = gpu.sms * occupancy(block, accepted.registers, accepted.shared_bytes, gpu).blocks_per_sm
    if blocks > room:
        message = f"{function.kernel.name}: a cooperative grid of {blocks} blocks; {gpu.full_name} holds {room} at once"
        raise DriverError(Result.COOPERATIVE_LAUNCH_TOO_LARGE, message)


def parameters_of(function: Function, pointers, extra) -> bytes:
    """The parameter buffer, from one pointer a parameter or from the list that `extra` points at."""
    if pointers and extra:
        raise DriverError(Result.INVALID_VALUE, "a launch takes kernelParams or extra, not both")
    return _from_buffer(function, extra) if extra else _from_pointers(function, pointers)


def _from_pointers(function: Function, pointers) -> bytes:
    """The parameter buffer from one pointer a parameter."""
    buffer = bytearray(function.kernel.parameter_bytes)
    for index, parameter in enumerate(function.kernel.parameters):
        if not pointers or not pointers[index]:
            message = f"{function.kernel.name}: parameter {index} of {len(function.kernel.parameters)} is null"
            raise DriverError(Result.INVALID_VALUE, message)
        buffer[parameter.offset : parameter.offset + parameter.size] = ctypes.string_at(pointers[index], parameter.size)
    return bytes(buffer)


def _from_buffer(function: Function, extra) -> bytes:
    """The parameter buffer from the list that `extra` points at."""
    options, index = {}, 0
    while (option := extra[index]) != _END:
        if option not in (_POINTER, _SIZE):
            raise DriverError(Result.INVALID_VALUE, f"{option:#x} is no launch parameter option")
        options[option] = extra[index + 1]
        index += 2
    if options.keys() != {_POINTER, _SIZE}:
        raise DriverError(Result.INVALID_VALUE, "a launch needs a parameter buffer and its size")
    size, wanted = ctypes.c_size_t.from_address(options[_SIZE]).value, function.kernel.parameter_bytes
    if not wanted <= size < wanted + _PADDING:
        message = f"{function.kernel.name} takes {wanted} bytes of parameters, the launch passes {size}"
        raise DriverError(Result.INVALID_VALUE, message)
    return ctypes.string_at(options[_POINTER], wanted)


@entry
def cuLaunchKernel(
    f, gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes, hStream, kernelParams, extra
):
    function, stream = functions.get(f), streams.get(hStream)
    parameters = parameters_of(function, kernelParams, extra)
    grid, block = (gridDimX, gridDimY, gridDimZ), (blockDimX, blockDimY, blockDimZ)
    launch(function, grid, block, sharedMemBytes, stream, parameters)


@entry
def cuLaunchCooperativeKernel(
    f, gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes, hStream, kernelParams
):
    function, stream = functions.get(f), streams.get(hStream)
    parameters = _from_pointers(function, kernelParams)
    grid, block = (gridDimX, gridDimY, gridDimZ), (blockDimX, blockDimY, blockDimZ)
    launch(function, grid, block, sharedMemBytes, stream, parameters, cooperative=True)
