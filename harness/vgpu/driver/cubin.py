"""What ptxas said about each kernel, read from a cubin (an ELF file): registers, shared memory, stack.

In: the cubin's bytes. Out: `Usage` by kernel. The registers stand in the upper byte of the sh_info of a kernel's
`.text` section; the stack in `.nv.info`, attribute FRAME_SIZE.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAGIC = b"\x7fELF"
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_FRAME_SIZE = 0x11  # EIATTR_FRAME_SIZE: symbol, bytes
_SIZED = 4  # EIFMT_SVAL: the attribute's 16-bit value is the size of what follows


@dataclass(frozen=True, slots=True)
class Usage:
    """What one kernel takes: registers a thread, static shared memory a block, stack a thread, constants (bytes)."""

    registers: int
    shared_bytes: int
    local_bytes: int
    constant_bytes: int


@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    info: int
    size: int
    content: bytes


def usage(cubin: bytes) -> dict[str, Usage]:
    """Usage of every kernel in the file."""
    sections = {section.name: section for section in _sections(cubin)}
    frames = _frames(sections)
    kernels = [name.removeprefix(".text.") for name in sections if name.startswith(".text.")]

    def size(section: str) -> int:
        return sections[section].size if section in sections else 0

    return {
        kernel: Usage(
            registers=sections[f".text.{kernel}"].info >> 24,
            shared_bytes=size(f".nv.shared.{kernel}"),
            local_bytes=frames.get(kernel, 0),
            constant_bytes=size(".nv.constant3"),
        )
        for kernel in kernels
    }


def _sections(cubin: bytes) -> list[_Section]:
    (table,) = struct.unpack_from("<Q", cubin, 0x28)
    entry, count, names = struct.unpack_from("<HHH", cubin, 0x3A)
    headers = [_SECTION.unpack_from(cubin, table + index * entry) for index in range(count)]
    strings = headers[names][4]
    return [
        _Section(_string(cubin, strings + header[0]), header[7], header[5], _content(cubin, header))
        for header in headers
    ]


def _content(cubin: bytes, header: tuple[int, ...]) -> bytes:
    return cubin[header[4] : header[4] + header[5]]


def _string(content: bytes, at: int) -> str:
    return content[at : content.index(b"\0", at)].decode()


def _frames(sections: dict[str, _Section]) -> dict[str, int]:
    """Stack bytes by function, from the attributes of the whole file."""
    if not {".nv.info", ".symtab", ".strtab"} <= sections.keys():
        return {}
    info, symbols, strings = (sections[name].content for name in (".nv.info", ".symtab", ".strtab"))
    frames, at = {}, 0
    while at < len(info):
        form, attribute, value = struct.unpack_from("<BBH", info, at)
        at += 4
        if form == _SIZED:
            if attribute == _FRAME_SIZE:
                symbol, frame = struct.unpack_from("<II", info, at)
                frames[_string(strings, _SYMBOL.unpack_from(symbols, symbol * _SYMBOL.size)[0])] = frame
            at += value
    return frames
