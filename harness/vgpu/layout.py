"""What compiled kernels and the block scheduler share: the structures of layout.h, for cffi and for compiled code."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cffi

HEADER = Path(__file__).with_name("layout.h")
LAYOUT = HEADER.read_text()  # decides what compiled code looks like

ffi = cffi.FFI()
ffi.cdef(LAYOUT)


@cache
def offset(struct: str, field: str) -> int:
    """Byte offset of a field: the one definition of every layout is the C header."""
    return int(ffi.offsetof(struct, field))
