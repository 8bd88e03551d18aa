"""Defines every function that libcuda.so.1 exports: those of the driver, and a refusal for the others.

Imported by the library itself, at its first call.
"""

from __future__ import annotations

import atexit
import ctypes
from importlib import import_module

from harness.vgpu.driver import entry
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.library import prototypes
from harness.vgpu.library.build import CLOSED, MODULE

NOUNS = (
    "capture",
    "contexts",
    "copies",
    "devices",
    "events",
    "fills",
    "functions",
    "graphs",
    "launch",
    "legacy",
    "memory",
    "modules",
    "startup",
    "streams",
    "waits",
)

# cuGetProcAddress takes a name without its version suffix; these are the newest signatures that each CUDA release has
_SUFFIXES = {13000: ("_v4", "_v3", "_v2", ""), 0: ("_v2", "")}
_SUCCESS, _NOT_FOUND = 0, 1  # CUdriverProcAddressQueryResult


def define() -> None:
    """Connect the library's symbols with Python."""
    library = import_module(MODULE)
    for noun in NOUNS:
        import_module(f"harness.vgpu.driver.{noun}")
    entry.entry(_procedure_lookup(library), needs=entry.Needs.NOTHING)
    for name in prototypes.functions():
        function = entry.table.get(name) or entry.unsupported(name)
        library.ffi.def_extern(name=name, error=int(Result.UNKNOWN))(function)
    atexit.register(setattr, library.lib, CLOSED, 1)


def _procedure_lookup(library):
    def cuGetProcAddress_v2(symbol, pfn, cudaVersion, flags, symbolStatus) -> None:
        wanted = ctypes.string_at(symbol).decode()
        suffixes = next(suffixes for release, suffixes in _SUFFIXES.items() if cudaVersion >= release)
        known = [wanted + suffix for suffix in suffixes if wanted + suffix in prototypes.functions()]
        if symbolStatus:
            symbolStatus[0] = _SUCCESS if known else _NOT_FOUND
        pfn[0] = int(library.ffi.cast("uintptr_t", getattr(library.lib, known[0]))) if known else 0
        if not known:
            raise DriverError(Result.NOT_FOUND, f"the vgpu has no function {wanted}")

    return cuGetProcAddress_v2


define()
