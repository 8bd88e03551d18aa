"""Fills of device memory with one 8, 16 or 32-bit value: linear and pitched, each call with its Async twin."""

from __future__ import annotations

import ctypes

from harness.vgpu.activity import Operation
from harness.vgpu.driver import capture, memory, streams
from harness.vgpu.driver.capture import NodeType
from harness.vgpu.driver.entry import entry
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.state import driver


def fill(
    start: int, value: int, unit: int, width: int, call: str, stream: int = 0, pitch: int = 0, height: int = 1
) -> None:
    """Set `height` rows of `width` units of `unit` bytes, a row each `pitch` bytes."""
    order = streams.get(stream)
    if start % unit or (height > 1 and pitch % unit):
        raise DriverError(Result.INVALID_VALUE, f"{start:#x} (pitch {pitch}) is not aligned to {unit} bytes")
    size = width * unit
    if not size or not height:
        capture.entered(order, call)
        return
    if height > 1 and pitch < size:
        raise DriverError(Result.INVALID_VALUE, f"rows of {size} bytes overlap at a pitch of {pitch}")
    memory.span(start, (height - 1) * pitch + size)
    pattern = value.to_bytes(unit, "little")

    def node() -> Operation:
        memory.span(start, (height - 1) * pitch + size)
        for row in range(height):
            _fill_row(start + row * pitch, pattern, size)
        return driver.clock.fill(size * height)

    def now() -> None:
        driver.clock.submit(order.number, node(), call)

    capture.submit(order, call, now, NodeType.MEMSET, node)


def _fill_row(start: int, pattern: bytes, size: int) -> None:
    if len(set(pattern)) == 1:
        ctypes.memset(start, pattern[0], size)
        return
    ctypes.memmove(start, pattern, len(pattern))
    done = len(pattern)
    while done < size:
        ctypes.memmove(start + done, start, min(done, size - done))
        done *= 2


@entry
def cuMemsetD8_v2(dstDevice, uc, N):
    fill(dstDevice, uc, 1, N, "cuMemsetD8_v2")


@entry
def cuMemsetD8Async(dstDevice, uc, N, hStream):
    fill(dstDevice, uc, 1, N, "cuMemsetD8Async", hStream)


@entry
def cuMemsetD16_v2(dstDevice, us, N):
    fill(dstDevice, us, 2, N, "cuMemsetD16_v2")


@entry
def cuMemsetD16Async(dstDevice, us, N, hStream):
    fill(dstDevice, us, 2, N, "cuMemsetD16Async", hStream)


@entry
def cuMemsetD32_v2(dstDevice, ui, N):
    fill(dstDevice, ui, 4, N, "cuMemsetD32_v2")


@entry
def cuMemsetD32Async(dstDevice, ui, N, hStream):
    fill(dstDevice, ui, 4, N, "cuMemsetD32Async", hStream)


@entry
def cuMemsetD2D8_v2(dstDevice, dstPitch, uc, Width, Height):
    fill(dstDevice, uc, 1, Width, "cuMemsetD2D8_v2", 0, dstPitch, Height)


@entry
def cuMemsetD2D8Async(dstDevice, dstPitch, uc, Width, Height, hStream):
    fill(dstDevice, uc, 1, Width, "cuMemsetD2D8Async", hStream, dstPitch, Height)


@entry
def cuMemsetD2D16_v2(dstDevice, dstPitch, us, Width, Height):
    fill(dstDevice, us, 2, Width, "cuMemsetD2D16_v2", 0, dstPitch, Height)


@entry
def cuMemsetD2D16Async(dstDevice, dstPitch, us, Width, Height, hStream):
    fill(dstDevice, us, 2, Width, "cuMemsetD2D16Async", hStream, dstPitch, Height)


@entry
def cuMemsetD2D32_v2(dstDevice, dstPitch, ui, Width, Height):
    fill(dstDevice, ui, 4, Width, "cuMemsetD2D32_v2", 0, dstPitch, Height)


@entry
def cuMemsetD2D32Async(dstDevice, dstPitch, ui, Width, Height, hStream):
    fill(dstDevice, ui, 4, Width, "cuMemsetD2D32Async", hStream, dstPitch, Height)
