"""Memory that kernels may touch: device memory, page-locked and managed memory, registered host memory.

In: sizes and addresses. Out: blocks, each listed in the table of allocations with its exact bounds. Device memory is
host memory: an address is the same number on both sides. Every block lies between two red zones; a damaged one is
found when the block is freed.
"""

from __future__ import annotations

import ctypes
import itertools
from dataclasses import dataclass

from harness.vgpu.driver import capture, contexts, streams
from harness.vgpu.driver.contexts import Context
from harness.vgpu.driver.entry import Needs, border, entry
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.state import driver
from harness.vgpu.errors import VgpuError
from harness.vgpu.run.allocations import Allocation, table

ALIGNMENT = 256  # of cuMemAlloc: CUDA C++ Programming Guide, "Device Memory Accesses"
PAGE = 4096
RED_ZONE = 256
RED = 0xA5
DEVICE, HOST, MANAGED = "cuMemAlloc", "cuMemHostAlloc", "cuMemAllocManaged"

_libc = ctypes.CDLL(None)
_libc.free.argtypes = [ctypes.c_void_p]
_libc.posix_memalign.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t, ctypes.c_size_t]


@dataclass(frozen=True, slots=True)
class Block:
    """`size` bytes at `address`, handed out by a call named `kind`; `base` is what libc gave."""

    kind: str
    address: int
    size: int
    label: str
    owner: Context
    base: int
    flags: int = 0


class Heap:
    """Blocks by address. `poison`, where it is set, fills each new block with that byte."""

    def __init__(self) -> None:
        self.blocks: dict[int, Block] = {}
        self.used = 0  # device and managed bytes
        self.poison: int | None = None
        self._numbers = itertools.count(1)

    def allocate(self, size: int, kind: str = DEVICE, flags: int = 0) -> Block:
        """A new block of the current context."""
        if size <= 0:
            raise DriverError(Result.INVALID_VALUE, f"{kind} of {size} bytes: the size must be positive")
        if kind != HOST and self.used + size > driver.gpu.dram_bytes:
            free = driver.gpu.dram_bytes - self.used
            raise DriverError(
                Result.OUT_OF_MEMORY,
                f"{size} bytes asked, {free} of {driver.gpu.full_name}'s {driver.gpu.dram_bytes} are free",
            )
        alignment = PAGE if kind == HOST else ALIGNMENT
        base = _from_libc(alignment, alignment + size + RED_ZONE)
        address = base + alignment
        block = Block(kind, address, size, f"{kind} #{next(self._numbers)}", contexts.current(), base, flags)
        for zone in _red_zones(block):
            ctypes.memset(zone, RED, RED_ZONE)
        if self.poison is not None:
            ctypes.memset(address, self.poison, size)
        table.add(address, size, block.label)
        self.blocks[address] = block
        self.used += size if kind != HOST else 0
        return block

    def free(self, address: int, kinds: tuple[str, ...]) -> None:
        """Give a block back. ILLEGAL_ADDRESS where something wrote beside it."""
        block = self.blocks.get(address)
        if block is None or block.kind not in kinds:
            raise DriverError(Result.INVALID_VALUE, f"{address:#x} cannot be freed: {_what_is(address)}")
        del self.blocks[address]
        table.remove(address)
        self.used -= block.size if block.kind != HOST else 0
        damaged = [zone for zone in _red_zones(block) if ctypes.string_at(zone, RED_ZONE) != bytes([RED]) * RED_ZONE]
        _libc.free(block.base)
        if damaged:
            side = "before" if damaged[0] < address else "behind"
            raise DriverError(
                Result.ILLEGAL_ADDRESS,
                f"{block.label} ({block.size} bytes at {address:#x}): something wrote {side} it while it lived; "
                "run the launches in a checked mode to find out which",
            )

    def free_all(self, owner: Context) -> None:
        """Give back what a context owns."""
        for block in [block for block in self.blocks.values() if block.owner is owner]:
            self.free(block.address, (block.kind,))

    def holds(self, address: int) -> Block | None:
        """The block that an address lies in."""
        found = table.find(address)
        return self.blocks.get(found.address) if found else None


@dataclass(slots=True)
class Registration:
    """Host memory that belongs to the program; `count` users want it device-accessible."""

    address: int
    size: int
    count: int = 1


heap = Heap()
registered: dict[int, Registration] = {}
contexts.at_end.append(heap.free_all)


def register(address: int, size: int, label: str) -> None:
    """Make host memory device-accessible with exact bounds; a range inside a registered one shares its bounds."""
    if size <= 0:
        return
    with border:
        inside = table.find(address)
        known = registered.get(inside.address) if inside else None
        if known and address + size <= known.address + known.size:
            known.count += 1
            return
        _list(address, size, label)


def unregister(address: int) -> None:
    """Take one `register` of this address, or of a range around it, back."""
    with border:
        inside = table.find(address)
        known = registered.get(inside.address) if inside else None
        if known is None:
            raise DriverError(Result.HOST_MEMORY_NOT_REGISTERED, f"{address:#x} is not registered: {_what_is(address)}")
        known.count -= 1
        if not known.count:
            del registered[known.address]
            table.remove(known.address)


def _list(address: int, size: int, label: str) -> None:
    """Put registered memory into the table; it may touch nothing that is there."""
    try:
        table.add(address, size, label)
    except VgpuError as overlap:
        raise DriverError(Result.HOST_MEMORY_ALREADY_REGISTERED, str(overlap)) from overlap
    registered[address] = Registration(address, size)


def span(address: int, size: int) -> Allocation:
    """The allocation that holds a whole range; INVALID_VALUE says what is there instead."""
    found = table.find(address)
    if found is None or address + size > found.end:
        raise DriverError(
            Result.INVALID_VALUE, f"{size} bytes at {address:#x} are not device memory: {_what_is(address)}"
        )
    return found


def _what_is(address: int) -> str:
    found, near = table.find(address), table.nearest(address)
    if found:
        return f"it is byte {address - found.address} of {found.label} ({found.size} bytes at {found.address:#x})"
    if near:
        return f"nothing is there; the nearest is {near.label} ({near.size} bytes at {near.address:#x})"
    return "nothing is allocated"


def _from_libc(alignment: int, size: int) -> int:
    pointer = ctypes.c_void_p()
    if _libc.posix_memalign(ctypes.byref(pointer), alignment, size) or not pointer.value:
        raise DriverError(Result.OUT_OF_MEMORY, f"the host has no {size} bytes left for the vgpu's memory")
    return pointer.value


def _red_zones(block: Block) -> tuple[int, int]:
    return block.address - RED_ZONE, block.address + block.size


@entry(unsafe=True)
def cuMemAlloc_v2(dptr, bytesize):
    driver.clock.call("cuMemAlloc_v2")
    dptr[0] = heap.allocate(bytesize).address


@entry
def cuMemAllocAsync(dptr, bytesize, hStream):
    capture.refuse_captured(streams.get(hStream), "cuMemAllocAsync")
    driver.clock.call("cuMemAllocAsync")
    dptr[0] = heap.allocate(bytesize).address


@entry(unsafe=True)
def cuMemAllocManaged(dptr, bytesize, flags):
    driver.clock.call("cuMemAllocManaged")
    dptr[0] = heap.allocate(bytesize, MANAGED, flags).address


@entry(unsafe=True)
def cuMemAllocPitch_v2(dptr, pPitch, WidthInBytes, Height, ElementSizeBytes):
    if ElementSizeBytes not in (4, 8, 16):
        raise DriverError(
            Result.INVALID_VALUE, f"elements of a pitched array have 4, 8 or 16 bytes, not {ElementSizeBytes}"
        )
    pitch = -(-WidthInBytes // 512) * 512
    driver.clock.call("cuMemAllocPitch_v2")
    dptr[0], pPitch[0] = heap.allocate(pitch * Height).address, pitch


@entry(clean_up=True, unsafe=True)
def cuMemFree_v2(dptr):
    driver.clock.call("cuMemFree_v2")
    if dptr:
        heap.free(dptr, (DEVICE, MANAGED))


@entry(clean_up=True)
def cuMemFreeAsync(dptr, hStream):
    capture.refuse_captured(streams.get(hStream), "cuMemFreeAsync")
    driver.clock.call("cuMemFreeAsync")
    heap.free(dptr, (DEVICE,))


@entry
def cuMemGetInfo_v2(free, total):
    total[0] = driver.gpu.dram_bytes
    free[0] = max(driver.gpu.dram_bytes - heap.used, 0)


@entry
def cuMemGetAddressRange_v2(pbase, psize, dptr):
    found = table.find(dptr)
    if found is None:
        raise DriverError(Result.NOT_FOUND, f"{dptr:#x} is not device memory: {_what_is(dptr)}")
    for pointer, value in ((pbase, found.address), (psize, found.size)):
        if pointer:
            pointer[0] = value


@entry(unsafe=True)
def cuMemHostAlloc(pp, bytesize, Flags):
    pp[0] = heap.allocate(bytesize, HOST, Flags).address


@entry(unsafe=True)
def cuMemAllocHost_v2(pp, bytesize):
    pp[0] = heap.allocate(bytesize, HOST).address


@entry(clean_up=True, unsafe=True)
def cuMemFreeHost(p):
    heap.free(p, (HOST,))


@entry
def cuMemHostGetFlags(pFlags, p):
    block = heap.holds(p)
    if block is None or block.kind != HOST:
        raise DriverError(Result.INVALID_VALUE, f"{p:#x} is not memory of cuMemHostAlloc: {_what_is(p)}")
    pFlags[0] = block.flags


@entry
def cuMemHostGetDevicePointer_v2(pdptr, p, Flags):
    span(p, 1)
    pdptr[0] = p


@entry(unsafe=True)
def cuMemHostRegister_v2(p, bytesize, Flags):
    if not p or not bytesize:
        raise DriverError(Result.INVALID_VALUE, f"cannot register {bytesize} bytes at {p:#x}")
    _list(p, bytesize, "cuMemHostRegister")


@entry(clean_up=True, unsafe=True)
def cuMemHostUnregister(p):
    if p not in registered:
        raise DriverError(Result.HOST_MEMORY_NOT_REGISTERED, f"{p:#x} is not registered: {_what_is(p)}")
    unregister(p)


@entry
def cuMemPrefetchAsync_v2(devPtr, count, location, flags, hStream):
    capture.refuse_captured(streams.get(hStream), "cuMemPrefetchAsync_v2")
    span(devPtr, count)


@entry
def cuMemAdvise_v2(devPtr, count, advice, location):
    span(devPtr, count)


# CUpointer_attribute: numbers of cuda.h, the C type of the answer, the answer
_POINTER_ATTRIBUTES = {
    1: (ctypes.c_size_t, lambda address, found: _owner(address).handle),  # CONTEXT
    2: (ctypes.c_uint, lambda address, found: 1 if _is_host(address) else 2),  # MEMORY_TYPE: host, device
    3: (ctypes.c_size_t, lambda address, found: address),  # DEVICE_POINTER
    4: (ctypes.c_size_t, lambda address, found: address),  # HOST_POINTER
    8: (ctypes.c_uint, lambda address, found: int(_kind(address) == MANAGED)),  # IS_MANAGED
    9: (ctypes.c_int, lambda address, found: 0),  # DEVICE_ORDINAL
    11: (ctypes.c_size_t, lambda address, found: found.address),  # RANGE_START_ADDR
    12: (ctypes.c_size_t, lambda address, found: found.size),  # RANGE_SIZE
}


def _kind(address: int) -> str | None:
    block = heap.holds(address)
    return block.kind if block else None


def _owner(address: int) -> Context:
    block = heap.holds(address)
    return block.owner if block else contexts.current()


def _is_host(address: int) -> bool:
    """Whether the memory is the host's: page-locked or registered."""
    found = table.find(address)
    return found is not None and (found.address in registered or _kind(address) == HOST)


def is_pinned(address: int) -> bool:
    """Whether the memory is the host's, and page-locked: the driver allocated or registered it."""
    return table.find(address) is not None and _is_host(address)


def is_device(address: int) -> bool:
    """Whether the memory is the device's own: allocated on it, managed, or a variable of a module."""
    return table.find(address) is not None and not _is_host(address)


@entry(needs=Needs.START)
def cuPointerGetAttribute(data, attribute, ptr):
    found = table.find(ptr)
    if found is None:
        raise DriverError(Result.INVALID_VALUE, f"{ptr:#x} is not known to the driver: {_what_is(ptr)}")
    if attribute not in _POINTER_ATTRIBUTES:
        raise DriverError(Result.NOT_SUPPORTED, f"the vgpu does not answer pointer attribute {attribute}")
    kind, answer = _POINTER_ATTRIBUTES[attribute]
    kind.from_address(data).value = answer(ptr, found)


@entry(needs=Needs.START)
def cuPointerGetAttributes(numAttributes, attributes, data, ptr):
    for index in range(numAttributes):
        kind, answer = _POINTER_ATTRIBUTES.get(attributes[index], (ctypes.c_uint, lambda address, found: 0))
        found = table.find(ptr)
        kind.from_address(data[index]).value = answer(ptr, found) if found else 0
