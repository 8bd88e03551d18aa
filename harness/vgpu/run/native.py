"""The block scheduler and access helpers, as a cffi library: `ffi` for layouts, `lib()` for the functions."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cffi

from harness.vgpu.native import shared_library

_HERE = Path(__file__).parent
_HEADER = _HERE / "scheduler.h"
_SOURCES = ("scheduler.c", "memory.c", "runtime.c", "matrix.c", "asynchronous.c", "packed.c", "directed.c")

LAYOUT = _HEADER.read_text()  # decides what compiled code looks like

ffi = cffi.FFI()
ffi.cdef(LAYOUT)


@cache
def lib() -> Any:
    """The loaded library; compiled at the first call on this machine."""
    headers = [_HEADER, _HERE / "fault.h", _HERE / "runtime.h", _HERE / "helpers.h"]
    includes = ["-include", "stdint.h", "-include", "stddef.h"]
    path = shared_library("vgpu_run", [_HERE / name for name in _SOURCES], headers, includes)
    return ffi.dlopen(str(path))


@cache
def offset(struct: str, field: str) -> int:
    """Byte offset of a field: the one definition of every layout is the C header."""
    return int(ffi.offsetof(struct, field))
