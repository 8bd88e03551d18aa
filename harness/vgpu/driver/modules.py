"""Modules: loaded code, its kernels and global variables by name."""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass, field
from pathlib import Path

from harness.vgpu.driver import contexts, cubin, handles, images, ptxas, reports
from harness.vgpu.driver.contexts import Context
from harness.vgpu.driver.entry import entry
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.images import Image
from harness.vgpu.driver.state import driver
from harness.vgpu.errors import VgpuError
from harness.vgpu.gpus import Gpu
from harness.vgpu.run.module import LoadedModule, load

_INFO_LOG, _INFO_LOG_SIZE, _ERROR_LOG, _ERROR_LOG_SIZE = 3, 4, 5, 6  # CUjit_option


@dataclass(eq=False)
class Module:
    """`functions` are the handles given out so far, by name."""

    image: Image
    loaded: LoadedModule
    owner: Context
    functions: dict[str, int] = field(default_factory=dict)

    def usage(self, kernel: str, gpu: Gpu) -> cubin.Usage | None:
        """What ptxas said that a kernel takes; None where nothing is known."""
        return _usage(self.image, gpu.name).get(kernel)

    def unload(self) -> None:
        """Forget the variables and the functions' handles."""
        self.loaded.unload()
        for handle in self.functions.values():
            handles.table.remove(handle, object)
        self.functions.clear()


@functools.lru_cache(maxsize=256)
def _usage(image: Image, gpu: str) -> dict[str, cubin.Usage]:
    return cubin.usage(image.cubin) if image.cubin else ptxas.usage(image.ptx, driver.gpu)


_loaded: dict[int, Module] = {}


def load_image(image: Image, name: str) -> int:
    """A new module of the current context; its handle."""
    driver.clock.call("cuModuleLoadData")
    module = Module(image, load(image.ptx, name, quick_warps=driver.quick_warps), contexts.current())
    handle = handles.table.add(module)
    _loaded[handle] = module
    return handle


def unload(handle: int) -> None:
    """Give a module back."""
    handles.table.remove(handle, Module).unload()
    del _loaded[handle]


def _end(context: Context) -> None:
    for handle in [handle for handle, module in _loaded.items() if module.owner is context]:
        unload(handle)


contexts.at_end.append(_end)


@entry(unsafe=True)
def cuModuleLoad(module, fname):
    path = Path(ctypes.string_at(fname).decode())
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DriverError(Result.FILE_NOT_FOUND, f"cannot read the module {path}: {error.strerror}") from error
    module[0] = load_image(images.of(content, driver.gpu), str(path))


@entry(also="cuModuleLoadFatBinary", unsafe=True)
def cuModuleLoadData(module, image):
    module[0] = load_image(images.at(image, driver.gpu), "<image>")


@entry(unsafe=True)
def cuModuleLoadDataEx(module, image, numOptions, options, optionValues):
    log = {options[index]: index for index in range(numOptions)}
    try:
        cuModuleLoadData(module, image)
    except VgpuError as error:
        if not _write_logs(log, optionValues, str(error)):
            raise
        # the caller has the message in its log: the code's own text is enough
        reports.failed("cuModuleLoadDataEx", error.code, str(error))
        return Result(error.code)
    except BaseException:
        _write_logs(log, optionValues, "")  # callers read the logs' sizes whatever the outcome
        raise
    _write_logs(log, optionValues, "")
    return Result.SUCCESS


def _write_logs(log: dict[int, int], values, error: str) -> bool:
    """Fill the log buffers that a caller passed, and their sizes; whether there is one for errors."""
    for buffer, size, message in ((_INFO_LOG, _INFO_LOG_SIZE, ""), (_ERROR_LOG, _ERROR_LOG_SIZE, error)):
        if buffer in log and size in log:
            room = values[log[size]]
            content = message.encode()[: max(room - 1, 0)]
            if room:
                ctypes.memmove(values[log[buffer]], content + b"\0", len(content) + 1)
            values[log[size]] = len(content)
    return _ERROR_LOG in log and _ERROR_LOG_SIZE in log


@entry(clean_up=True, unsafe=True)
def cuModuleUnload(hmod):
    unload(hmod)


@entry
def cuModuleGetGlobal_v2(dptr, bytes, hmod, name):
    module, wanted = handles.table.get(hmod, Module), ctypes.string_at(name).decode()
    if wanted not in module.loaded.variables:
        known = ", ".join(sorted(module.loaded.variables)) or "none"
        raise DriverError(Result.NOT_FOUND, f"the module has no global variable {wanted!r}; it has: {known}")
    address, size = module.loaded.variables[wanted]
    for pointer, value in ((dptr, address), (bytes, size)):
        if pointer:
            pointer[0] = value


@entry
def cuModuleGetLoadingMode(mode):
    mode[0] = 1  # CU_MODULE_EAGER_LOADING
