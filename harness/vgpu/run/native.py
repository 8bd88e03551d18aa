"""The block scheduler and access helpers as a cffi library, compiled at the first call on a machine."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from harness.vgpu.layout import HEADER, ffi
from harness.vgpu.native import shared_library

_HERE = Path(__file__).parent
_SOURCES = (
    *("scheduler.c", "memory.c", "runtime.c", "matrix.c", "asynchronous.c", "packed.c", "directed.c"),
    *("counting.c", "banks.c", "l1.c"),
)
_HEADERS = ("fault.h", "runtime.h", "helpers.h", "counting.h", "windows.h")


@cache
def lib() -> Any:
    """The loaded library."""
    includes = ["-include", "stdint.h", "-include", "stddef.h"]
    sources, headers = [_HERE / name for name in _SOURCES], [HEADER, *(_HERE / name for name in _HEADERS)]
    return ffi.dlopen(str(shared_library("vgpu_run", sources, headers, includes)))
