"""Copies between host and device: linear, pitched (2D) and boxes (3D), each call with its Async twin.

In: addresses, bounds-checked on the device's side. Out: moved bytes, and an operation on the clock. The bytes are
moved during the call, or at each launch of the graph that it is captured into; when the copy would have happened is the
clock's answer.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass

from harness.vgpu.activity import Direction, Operation
from harness.vgpu.driver import capture, memory, streams
from harness.vgpu.driver.capture import NodeType
from harness.vgpu.driver.entry import entry
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.state import driver
from harness.vgpu.driver.streams import Stream

_HOST, _DEVICE, _ARRAY, _UNIFIED = 1, 2, 3, 4  # CUmemorytype


def copy(destination: int, source: int, size: int, direction: Direction | None, call: str, stream: int = 0) -> None:
    """Move bytes; `direction` None is between two places of the host, which costs the call only."""
    order = streams.get(stream)
    if not size:
        capture.entered(order, call)
        return

    def check() -> None:
        if direction in ("H2D", "D2D"):
            memory.span(destination, size)
        if direction in ("D2H", "D2D"):
            memory.span(source, size)

    def move() -> None:
        check()  # again: a graph's launch may come when the memory is gone
        ctypes.memmove(destination, source, size)

    check()
    _submit(order, call, move, direction, size, pinned=_pinned(direction, destination, source))


def _submit(
    stream: Stream, call: str, move: Callable[[], None], direction: Direction | None, size: int, *, pinned: bool
) -> None:
    """Move the bytes now, and give the copy its time; or capture it."""
    if direction is None:
        capture.refuse_captured(stream, f"{call} between two places of the host")
        move()
        driver.clock.call(call)
        return

    def now() -> None:
        move()
        driver.clock.copy(stream.number, direction, size, call=call, pinned=pinned)

    def node() -> Operation:
        move()
        return driver.clock.transfer(direction, size, pinned=pinned)

    capture.submit(stream, call, now, NodeType.MEMCPY, node)


def _pinned(direction: Direction | None, destination: int, source: int) -> bool:
    """Whether the host's side of a copy is page-locked."""
    if direction == "H2D":
        return memory.is_pinned(source)
    return direction != "D2H" or memory.is_pinned(destination)


def direction(destination: int, source: int) -> Direction | None:
    """The direction of a copy between two addresses of the unified address space."""
    kinds: dict[tuple[bool, bool], Direction | None] = {
        (True, True): "D2D",
        (True, False): "H2D",
        (False, True): "D2H",
        (False, False): None,
    }
    return kinds[memory.is_device(destination), memory.is_device(source)]


@entry
def cuMemcpyHtoD_v2(dstDevice, srcHost, ByteCount):
    copy(dstDevice, srcHost, ByteCount, "H2D", "cuMemcpyHtoD_v2")


@entry
def cuMemcpyHtoDAsync_v2(dstDevice, srcHost, ByteCount, hStream):
    copy(dstDevice, srcHost, ByteCount, "H2D", "cuMemcpyHtoDAsync_v2", hStream)


@entry
def cuMemcpyDtoH_v2(dstHost, srcDevice, ByteCount):
    copy(dstHost, srcDevice, ByteCount, "D2H", "cuMemcpyDtoH_v2")


@entry
def cuMemcpyDtoHAsync_v2(dstHost, srcDevice, ByteCount, hStream):
    copy(dstHost, srcDevice, ByteCount, "D2H", "cuMemcpyDtoHAsync_v2", hStream)


@entry
def cuMemcpyDtoD_v2(dstDevice, srcDevice, ByteCount):
    copy(dstDevice, srcDevice, ByteCount, "D2D", "cuMemcpyDtoD_v2")


@entry
def cuMemcpyDtoDAsync_v2(dstDevice, srcDevice, ByteCount, hStream):
    copy(dstDevice, srcDevice, ByteCount, "D2D", "cuMemcpyDtoDAsync_v2", hStream)


@entry
def cuMemcpy(dst, src, ByteCount):
    copy(dst, src, ByteCount, direction(dst, src), "cuMemcpy")


@entry
def cuMemcpyAsync(dst, src, ByteCount, hStream):
    copy(dst, src, ByteCount, direction(dst, src), "cuMemcpyAsync", hStream)


@entry
def cuMemcpyPeer(dstDevice, dstContext, srcDevice, srcContext, ByteCount):
    copy(dstDevice, srcDevice, ByteCount, "D2D", "cuMemcpyPeer")


@entry
def cuMemcpyPeerAsync(dstDevice, dstContext, srcDevice, srcContext, ByteCount, hStream):
    copy(dstDevice, srcDevice, ByteCount, "D2D", "cuMemcpyPeerAsync", hStream)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a box copy: where row y of slice z begins, and whether the device holds it."""

    start: int
    pitch: int
    slice: int  # bytes from one slice to the next
    device: bool

    def row(self, y: int, z: int) -> int:
        return self.start + z * self.slice + y * self.pitch


def copy_box(parameters, call: str, stream: int = 0) -> None:
    """Copy what a CUDA_MEMCPY2D or CUDA_MEMCPY3D describes."""
    width, height, depth = parameters.WidthInBytes, parameters.Height, getattr(parameters, "Depth", 1)
    source, destination = _side(parameters, "src"), _side(parameters, "dst")
    order = streams.get(stream)
    if not (width and height and depth):
        capture.entered(order, call)
        return

    def check() -> None:
        for side in (source, destination):
            if side.device:
                memory.span(side.start, side.row(height - 1, depth - 1) + width - side.start)

    def move() -> None:
        check()
        for z in range(depth):
            for y in range(height):
                ctypes.memmove(destination.row(y, z), source.row(y, z), width)

    check()
    way = direction(destination.start, source.start)
    pinned = _pinned(way, destination.start, source.start)
    _submit(order, call, move, way, width * height * depth, pinned=pinned)


def _side(parameters, prefix: str) -> Side:
    def field(name: str) -> int:
        return int(getattr(parameters, prefix + name, 0))

    kind = field("MemoryType")
    if kind == _ARRAY:
        raise DriverError(Result.NOT_SUPPORTED, "the vgpu has no CUDA arrays")
    if kind not in (_HOST, _DEVICE, _UNIFIED):
        raise DriverError(Result.INVALID_VALUE, f"{kind} is no memory type")
    pitch = field("Pitch") or field("XInBytes") + int(parameters.WidthInBytes)
    if pitch < field("XInBytes") + int(parameters.WidthInBytes):
        raise DriverError(
            Result.INVALID_VALUE, f"rows of {parameters.WidthInBytes} bytes overlap at a pitch of {pitch}"
        )
    size = pitch * (field("Height") or field("Y") + int(parameters.Height))
    # PyCUDA sets srcHost for unified memory, cuda.h says srcDevice
    base = field("Host") if kind == _HOST else field("Device") or field("Host")
    start = base + field("Z") * size + field("Y") * pitch + field("XInBytes")
    return Side(start, pitch, size, kind == _DEVICE or (kind == _UNIFIED and memory.is_device(start)))


@entry(also="cuMemcpy2DUnaligned_v2")
def cuMemcpy2D_v2(pCopy):
    copy_box(pCopy, "cuMemcpy2D_v2")


@entry
def cuMemcpy2DAsync_v2(pCopy, hStream):
    copy_box(pCopy, "cuMemcpy2DAsync_v2", hStream)


@entry(also="cuMemcpy3DPeer")
def cuMemcpy3D_v2(pCopy):
    copy_box(pCopy, "cuMemcpy3D_v2")


@entry(also="cuMemcpy3DPeerAsync")
def cuMemcpy3DAsync_v2(pCopy, hStream):
    copy_box(pCopy, "cuMemcpy3DAsync_v2", hStream)
