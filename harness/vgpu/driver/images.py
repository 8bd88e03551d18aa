"""Module images: what a program passes to cuModuleLoadData, recognised and reduced to PTX.

In: bytes, or an address without a length. Out: the PTX that the GPU would run, with the machine code beside it where
a fatbinary has it (for what ptxas said about registers; the vgpu does not run it).
"""

from __future__ import annotations

import ctypes
import re
import struct
from dataclasses import dataclass

from harness.vgpu.driver import cubin, fatbin
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.gpus import Gpu

_TARGET = re.compile(r"^\s*\.target\s+(sm_(\d+)[af]?)", re.MULTILINE)
_PTX_WANTED = (
    "the vgpu runs PTX: compile with `--fatbin -gencode arch=compute_{cc},code=[sm_{cc},compute_{cc}]`, "
    'or with `pycuda.compiler.compile(..., target="ptx")`'
)


@dataclass(frozen=True, slots=True)
class Image:
    """PTX, and the cubin of the same code where there is one."""

    ptx: str
    cubin: bytes | None = None


def at(address: int, gpu: Gpu) -> Image:
    """The image that lies at an address: a fatbinary (or its wrapper), or PTX text up to its null byte."""
    if not address:
        raise DriverError(Result.INVALID_VALUE, "the address of the image is null")
    if _starts_with(address, fatbin.WRAPPER_MAGIC):
        (address,) = struct.unpack_from("<Q", ctypes.string_at(address, 16), 8)
    if _starts_with(address, fatbin.MAGIC):
        return of(ctypes.string_at(address, fatbin.size(ctypes.string_at(address, 16))), gpu)
    return of(ctypes.string_at(address), gpu)


def _starts_with(address: int, magic: int) -> bool:
    """Whether a word lies there; a text may end before the word does, so that bytes are read up to a null only."""
    return ctypes.string_at(address)[:4] == struct.pack("<I", magic)


def of(content: bytes, gpu: Gpu) -> Image:
    """The image in these bytes."""
    if content.startswith(struct.pack("<I", fatbin.MAGIC)):
        return _of_fatbin(fatbin.entries(content), gpu)
    if content.startswith(cubin.MAGIC):
        raise DriverError(Result.NO_BINARY_FOR_GPU, f"the image is a cubin, machine code only; {_wanted(gpu)}")
    try:
        ptx = content.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        raise DriverError(Result.INVALID_IMAGE, f"the image is neither PTX nor a fatbinary; {_wanted(gpu)}") from None
    _check_target(ptx, gpu)
    return Image(ptx)


def _of_fatbin(entries: tuple[fatbin.Entry, ...], gpu: Gpu) -> Image:
    """The PTX for the highest architecture that the GPU runs, as NVIDIA's driver chooses."""
    runs = _newest(gpu)
    ptx = [entry for entry in entries if entry.kind == "ptx" and entry.architecture <= runs]
    if not ptx:
        has = ", ".join(f"{entry.kind} for sm_{entry.architecture}" for entry in entries) or "nothing"
        raise DriverError(
            Result.NO_BINARY_FOR_GPU, f"the fatbinary holds {has}, no PTX for sm_{runs} or older; {_wanted(gpu)}"
        )
    best = max(ptx, key=lambda entry: entry.architecture)
    code = [entry.content for entry in entries if entry.kind == "cubin" and entry.architecture == runs]
    return Image(best.content.rstrip(b"\0").decode("utf-8"), code[0] if code else None)


def _check_target(ptx: str, gpu: Gpu) -> None:
    target = _TARGET.search(ptx)
    if target and int(target[2]) > _newest(gpu):
        message = f"the PTX is for {target[1]}, newer than {gpu.full_name}; {_wanted(gpu)}"
        raise DriverError(Result.NO_BINARY_FOR_GPU, message)


def _newest(gpu: Gpu) -> int:
    """The newest architecture whose PTX the vgpu takes for this GPU."""
    major, minor = max(gpu.compute_capability, gpu.compile_capability)
    return 10 * major + minor


def _wanted(gpu: Gpu) -> str:
    return _PTX_WANTED.format(cc=_newest(gpu))
