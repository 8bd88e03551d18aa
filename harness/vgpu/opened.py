"""The vgpu as Python sees it: loads libcuda.so.1 into the process and gives access to the driver behind it."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.vgpu import gpus, hosts, toolkit
from harness.vgpu.clock import Clock
from harness.vgpu.driver import memory, reports
from harness.vgpu.driver.state import CUDA_VERSION, driver
from harness.vgpu.errors import VgpuError
from harness.vgpu.gpus import Gpu
from harness.vgpu.library import build
from harness.vgpu.run.mode import Mode

CURAND = "libcurand.so.10"  # PyCUDA's extension module wants it; the toolkit's wheel has it where no linker looks


class Vgpu:
    """The process' driver. One instance, made by `open`."""

    @property
    def gpu(self) -> Gpu:
        return driver.gpu

    @property
    def clock(self) -> Clock:
        """The virtual clock: activities of the device, calls of the host."""
        return driver.clock

    @property
    def mode(self) -> Mode:
        """How the next launches run: what is checked, what is counted."""
        return driver.mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        driver.mode = mode

    @contextmanager
    def using(self, mode: Mode) -> Iterator[Vgpu]:
        """Run the launches inside in this mode."""
        before, driver.mode = driver.mode, mode
        try:
            yield self
        finally:
            driver.mode = before

    @contextmanager
    def compiling(self, quick_warps: int) -> Iterator[Vgpu]:
        """Of kernels in modules that are loaded inside let so many warps run code that was compiled quickly."""
        before, driver.quick_warps = driver.quick_warps, quick_warps
        try:
            yield self
        finally:
            driver.quick_warps = before

    @contextmanager
    def poisoning(self, byte: int) -> Iterator[None]:
        """Fill the device memory that is allocated inside with this byte."""
        before, memory.heap.poison = memory.heap.poison, byte
        try:
            yield
        finally:
            memory.heap.poison = before

    def register(self, address: int, nbytes: int, label: str) -> None:
        """Make host memory device-accessible, with exact bounds; `label` names it in reports.

        Registered twice, or inside a registered range, it stays until it is unregistered as often.
        """
        memory.register(address, nbytes, label)

    def unregister(self, address: int) -> None:
        """Take one `register` back. Memory of no bytes was never registered: do not unregister it."""
        memory.unregister(address)

    def last_report(self) -> str | None:
        """The report of the last call that failed, whole; None where none has."""
        return reports.last()


_vgpu: Vgpu | None = None


def open(gpu: str | None, host: str | None) -> Vgpu:
    """Load the library where it is not loaded yet; be this GPU on this host."""
    global _vgpu
    wanted = (gpus.load(gpu or driver.gpu.name), hosts.load(host or driver.clock.host.name))
    if _vgpu is None:
        _load_library()
        _vgpu = Vgpu()
    if wanted != (driver.gpu, driver.clock.host):
        driver.become(*wanted)
    return _vgpu


def loaded() -> bool:
    """Whether the library is in the process."""
    return _vgpu is not None


def _load_library() -> None:
    if "pycuda._driver" in sys.modules:
        raise VgpuError(
            "pycuda.driver is already imported, with the driver of a real GPU: open the vgpu before the first "
            "`import pycuda.driver`, in a process of its own"
        )
    library = ctypes.CDLL(str(build.build()), mode=ctypes.RTLD_GLOBAL)
    version = ctypes.c_int()
    library.cuDriverGetVersion(ctypes.byref(version))
    if version.value != CUDA_VERSION:
        raise VgpuError("libcuda.so.1 does not start; the lines above say why")
    _load_curand()
    toolkit.put_wrapper_first()


def _load_curand() -> None:
    """Load the toolkit wheel's cuRAND, so that a PyCUDA linked against it is importable wherever it was built."""
    package = importlib.util.find_spec("nvidia")
    for folder in (package and package.submodule_search_locations) or ():
        for path in Path(folder).glob(f"*/lib/{CURAND}"):
            ctypes.CDLL(str(path))
            return
