"""The injection library as Python sees it: built like the vgpu's C code, named to NVTX, loaded once a process.

In: nothing. Out: the library, with which `record` starts and stops. NVTX looks for it at the first NVTX call of each
extension module: `enable` has to come before that, and costs a call that finds nothing recording until then.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import cffi

from harness.errors import FuseproofError
from harness.vgpu.native import shared_library

VARIABLE = "NVTX_INJECTION64_PATH"

_NAME = "fuseproof_nvtx"
_FILE = f"lib{_NAME}.so"
_HERE = Path(__file__).parent
_SOURCES = ("callbacks.c", "recorder.c", "texts.c")
_HEADERS = ("abi.h", "layout.h", "recorder.h", "texts.h")
_FUNCTIONS = """
    int fuseproof_nvtx_start(uint64_t bytes, const int64_t *clock);
    struct snapshot *fuseproof_nvtx_stop(void);
    void fuseproof_nvtx_free(struct snapshot *snapshot);
    int64_t fuseproof_nvtx_now(void);
    int fuseproof_nvtx_clients(void);
"""

ffi = cffi.FFI()
ffi.cdef((_HERE / "layout.h").read_text() + _FUNCTIONS)


@cache
def path() -> str:
    """The library's file, compiled where the cache does not hold it yet."""
    sources, headers = ([_HERE / name for name in names] for names in (_SOURCES, _HEADERS))
    return str(shared_library(_NAME, sources, headers, ["-fvisibility=hidden"]))


@cache
def lib() -> Any:
    """The loaded library: the one that NVTX loads too."""
    return ffi.dlopen(path())


def enable() -> None:
    """Let NVTX find the library from now on; an error where it is to find another tool's."""
    if taken := other_tool():
        raise FuseproofError(f"NVTX goes to another tool: {VARIABLE} is {taken}; profile with one tool at a time")
    lib()
    os.environ[VARIABLE] = path()


def other_tool(environment: Mapping[str, str] = os.environ) -> str | None:
    """The library of another tool that NVTX is to load, Nsight Systems' for one."""
    named = environment.get(VARIABLE)
    return named if named and Path(named).name != _FILE else None
