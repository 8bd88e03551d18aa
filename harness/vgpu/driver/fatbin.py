"""Fatbinaries: containers of PTX and machine code for several GPUs, as nvcc's `fatbinary` writes them.

In: the container's bytes. Out: its entries, decompressed. The format has no public description; the layout below is
what CUDA 13.0's `fatbinary` writes (and `cuobjdump` reads), unchanged since CUDA 9 but for zstd.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from harness.vgpu.driver import lz4
from harness.vgpu.driver.errors import DriverError, Result

MAGIC = 0xBA55ED50
WRAPPER_MAGIC = 0x466243B1  # __fatBinC_Wrapper_t of fatbinary_section.h: magic, version, address of the container
_HEADER = struct.Struct("<IHHQ")  # magic, version, size of this header, bytes of entries behind it
# kind, version, size of this header, payload, compressed payload, options' offset, minor, major, architecture,
# name's offset and size, flags, reserved, decompressed size
_ENTRY = struct.Struct("<HHIQIIHHIIIQQQ")
_KINDS: dict[int, Literal["ptx", "cubin"]] = {1: "ptx", 2: "cubin"}
_LZ4, _ZSTD = 0x2000, 0x8000  # flags


@dataclass(frozen=True, slots=True)
class Entry:
    """PTX or machine code for `architecture` (75 is sm_75, or compute_75 of PTX)."""

    kind: Literal["ptx", "cubin"]
    architecture: int
    content: bytes


def size(header: bytes) -> int:
    """The bytes of a whole container, from its first 16."""
    _, _, header_size, entries = _HEADER.unpack_from(header)
    return int(header_size + entries)


def entries(container: bytes) -> tuple[Entry, ...]:
    """The PTX and machine code of a container; entries of other kinds are left out."""
    magic, version, at, length = _HEADER.unpack_from(container)
    if magic != MAGIC or version != 1:
        raise DriverError(Result.INVALID_IMAGE, f"not a fatbinary of version 1 (magic {magic:#x}, version {version})")
    found, end = [], at + length
    while at < end:
        kind, _, header_size, payload, packed, *_, architecture, _, _, flags, _, unpacked = _ENTRY.unpack_from(
            container, at
        )
        start = at + header_size
        if kind in _KINDS:
            content = container[start : start + (packed or payload)]
            found.append(Entry(_KINDS[kind], architecture, _unpacked(content, flags, unpacked)))
        at = start + payload
    return tuple(found)


def _unpacked(content: bytes, flags: int, size: int) -> bytes:
    try:
        if flags & _LZ4:
            return lz4.decompress(content, size)
        if flags & _ZSTD:
            return _zstd()(content)
    except ValueError as error:
        raise DriverError(Result.INVALID_IMAGE, f"a damaged fatbinary: {error}") from error
    return content


def _zstd() -> Callable[[bytes], bytes]:
    """A decompressor: Python's own from 3.14 on, else the package zstandard."""
    try:
        from compression import zstd  # type: ignore[import-not-found]

        return zstd.decompress
    except ImportError:
        pass
    try:
        import zstandard
    except ImportError:
        message = (
            "this fatbinary is compressed with zstd: compile it with `nvcc --no-compress`, or `pip install zstandard`"
        )
        raise DriverError(Result.INVALID_IMAGE, message) from None
    return zstandard.ZstdDecompressor().decompress
