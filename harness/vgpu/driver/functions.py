"""Functions: kernels of loaded modules, what they take, and how many of their blocks fit on an SM."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from dataclasses import dataclass

from harness.vgpu.driver import handles
from harness.vgpu.driver.entry import entry
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.modules import Module
from harness.vgpu.driver.reports import c_string
from harness.vgpu.driver.state import driver
from harness.vgpu.occupancy import occupancy
from harness.vgpu.run.kernel import LoadedKernel


@dataclass(eq=False)
class Function:
    """A kernel; `dynamic_limit` is what cuFuncSetAttribute allowed beyond CUDA's default."""

    kernel: LoadedKernel
    module: Module
    module_handle: int
    dynamic_limit: int | None = None
    carveout: int = -1

    @property
    def registers(self) -> int:
        """Registers a thread, as ptxas said; 0 where that is not known."""
        usage = self.module.usage(self.kernel.name, driver.gpu)
        return usage.registers if usage else 0

    @property
    def static_shared(self) -> int:
        usage = self.module.usage(self.kernel.name, driver.gpu)
        return max(self.kernel.static_shared_bytes, usage.shared_bytes if usage else 0)

    @property
    def local_bytes(self) -> int:
        usage = self.module.usage(self.kernel.name, driver.gpu)
        return usage.local_bytes if usage else self.kernel.local_bytes

    @property
    def constant_bytes(self) -> int:
        usage = self.module.usage(self.kernel.name, driver.gpu)
        return usage.constant_bytes if usage else 0

    @property
    def max_dynamic_shared(self) -> int:
        default = driver.gpu.shared_per_block - self.static_shared
        return default if self.dynamic_limit is None else self.dynamic_limit

    @property
    def max_threads(self) -> int:
        """Threads a block: the GPU's limit, the kernel's launch bounds, and what its registers allow."""
        limit = min(self.kernel.max_threads or driver.gpu.threads_per_block, driver.gpu.threads_per_block)
        return next((size for size in range(limit, 0, -1) if self.blocks_per_sm(size, 0)), 0)

    @property
    def ptx_version(self) -> int:
        target = re.search(r"\.target\s+sm_(\d+)", self.module.image.ptx)
        return int(target[1]) if target else 0

    def blocks_per_sm(self, threads: int, dynamic_shared: int) -> int:
        return occupancy(threads, self.registers, self.static_shared + dynamic_shared, driver.gpu).blocks_per_sm


# CUfunction_attribute: numbers of cuda.h. Those up to LAST_ATTRIBUTE that are missing here answer 0 (clusters).
_ATTRIBUTES: dict[int, Callable[[Function], int]] = {
    0: lambda function: function.max_threads,  # MAX_THREADS_PER_BLOCK
    1: lambda function: function.static_shared,  # SHARED_SIZE_BYTES
    2: lambda function: function.constant_bytes,  # CONST_SIZE_BYTES
    3: lambda function: function.local_bytes,  # LOCAL_SIZE_BYTES
    4: lambda function: function.registers,  # NUM_REGS
    5: lambda function: function.ptx_version,  # PTX_VERSION
    6: lambda function: 10 * driver.gpu.compute_capability[0] + driver.gpu.compute_capability[1],  # BINARY_VERSION
    8: lambda function: function.max_dynamic_shared,  # MAX_DYNAMIC_SHARED_SIZE_BYTES
    9: lambda function: function.carveout,  # PREFERRED_SHARED_MEMORY_CARVEOUT
}
LAST_ATTRIBUTE = 15
_MAX_DYNAMIC_SHARED, _CARVEOUT = 8, 9


def get(handle: int) -> Function:
    return handles.table.get(handle, Function)


@entry
def cuModuleGetFunction(hfunc, hmod, name):
    module, wanted = handles.table.get(hmod, Module), ctypes.string_at(name).decode()
    if wanted not in module.loaded.kernels:
        known = ", ".join(sorted(module.loaded.kernels)) or "none"
        raise DriverError(Result.NOT_FOUND, f"the module has no kernel {wanted!r}; it has: {known}")
    if wanted not in module.functions:
        function = Function(module.loaded.kernels[wanted], module, hmod)
        module.functions[wanted] = handles.table.add(function)
    hfunc[0] = module.functions[wanted]


@entry
def cuFuncGetAttribute(pi, attrib, hfunc):
    function = get(hfunc)
    if not 0 <= attrib <= LAST_ATTRIBUTE:
        raise DriverError(Result.INVALID_VALUE, f"CUDA 13.0 has no function attribute {attrib}")
    answer = _ATTRIBUTES.get(attrib)
    pi[0] = answer(function) if answer else 0


@entry
def cuFuncSetAttribute(hfunc, attrib, value):
    function = get(hfunc)
    if attrib == _MAX_DYNAMIC_SHARED:
        most = driver.gpu.shared_per_block_optin - function.static_shared
        if not 0 <= value <= most:
            wanted = f"{function.kernel.name}: {value} bytes of dynamic shared memory"
            message = f"{wanted}, at most {most} fit on {driver.gpu.full_name}"
            raise DriverError(Result.INVALID_VALUE, message)
        function.dynamic_limit = value
    elif attrib == _CARVEOUT:
        function.carveout = value
    else:
        raise DriverError(Result.INVALID_VALUE, f"function attribute {attrib} cannot be set on the vgpu")


@entry
def cuFuncSetCacheConfig(hfunc, config):
    get(hfunc)


@entry
def cuFuncSetSharedMemConfig(hfunc, config):
    get(hfunc)


@entry
def cuFuncGetName(name, hfunc):
    name[0] = c_string(get(hfunc).kernel.name)


@entry
def cuFuncGetModule(hmod, hfunc):
    hmod[0] = get(hfunc).module_handle


@entry
def cuOccupancyMaxActiveBlocksPerMultiprocessor(numBlocks, func, blockSize, dynamicSMemSize):
    if blockSize <= 0:
        raise DriverError(Result.INVALID_VALUE, f"a block of {blockSize} threads")
    numBlocks[0] = get(func).blocks_per_sm(blockSize, dynamicSMemSize)


@entry
def cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(numBlocks, func, blockSize, dynamicSMemSize, flags):
    cuOccupancyMaxActiveBlocksPerMultiprocessor(numBlocks, func, blockSize, dynamicSMemSize)


@entry
def cuOccupancyMaxPotentialBlockSize(
    minGridSize, blockSize, func, blockSizeToDynamicSMemSize, dynamicSMemSize, blockSizeLimit
):
    function = get(func)
    most = min(function.max_threads, blockSizeLimit or function.max_threads)
    shared = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_int)(blockSizeToDynamicSMemSize or 0)

    def blocks(size: int) -> int:
        return function.blocks_per_sm(size, shared(size) if blockSizeToDynamicSMemSize else dynamicSMemSize)

    sizes = sorted({most, *range(32, most + 1, 32)}, reverse=True)
    best = max(sizes, key=lambda size: size * blocks(size))
    minGridSize[0], blockSize[0] = blocks(best) * driver.gpu.sms, best
