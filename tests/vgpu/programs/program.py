"""A loaded program: its kernels take NumPy arrays, its variables are read and written as arrays.

In: PTX. Out: the arrays that a launch was given, with what the kernel left in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from harness.vgpu.jit import compile as jit
from harness.vgpu.run import outline
from harness.vgpu.run.allocations import table
from harness.vgpu.run.kernel import LoadedKernel, Parameter
from harness.vgpu.run.mode import Mode
from harness.vgpu.run.module import LoadedModule

ALIGNMENT = 256  # of what cudaMalloc returns

Extent = int | tuple[int, ...]


class Program:
    """The kernels of one PTX file, launched in one mode."""

    def __init__(self, ptx: str, name: str, mode: Mode) -> None:
        self.module = LoadedModule(_read(ptx, name), jit.host())
        self.mode = mode

    def launch(
        self, name: str, grid: Extent, block: Extent, *arguments: Any, shared: int = 0, cooperative: bool = False
    ) -> None:
        """Run a kernel; arrays are copied to device memory and back, as a program with cudaMemcpy would.

        Other arguments: NumPy scalars and structured values as they are, Python numbers in the parameter's size.
        """
        kernel = self.kernel(name)
        assert len(arguments) == len(kernel.parameters), f"{name} takes {len(kernel.parameters)} arguments"
        parameters, device = bytearray(kernel.parameter_bytes), []
        try:
            for parameter, argument in zip(kernel.parameters, arguments, strict=True):
                if isinstance(argument, np.ndarray) and argument.ndim:
                    device.append((argument, _to_device(argument)))
                    argument = np.uint64(device[-1][1].ctypes.data)
                place = slice(parameter.offset, parameter.offset + parameter.size)
                parameters[place] = _packed(argument, parameter)
            kernel.launch(_extent(grid), _extent(block), shared, bytes(parameters), self.mode, cooperative=cooperative)
        finally:
            for _, copy in device:
                table.remove(copy.ctypes.data)
        for array, copy in device:
            array[...] = copy

    def kernel(self, name: str) -> LoadedKernel:
        """The kernel of that name, or whose mangled name holds it."""
        found = [kernel for kernel in self.module.kernels.values() if name in kernel.name]
        exact = [k for k in found if k.name == name]
        assert len(exact or found) == 1, f"{name}: the kernels are {', '.join(self.module.kernels)}"
        return (exact or found)[0]

    def variable(self, name: str, dtype: Any) -> np.ndarray:
        """A variable's memory, as an array that can be written to."""
        address, size = self.module.variables[name]
        memory = (np.ctypeslib.ctypes.c_char * size).from_address(address)  # type: ignore[attr-defined]
        return np.frombuffer(memory, dtype)


@lru_cache(maxsize=8)  # tests of one program follow each other; each has variables of its own
def _read(ptx: str, name: str) -> outline.Program:
    return outline.Program(ptx, name, jit.host())


def _to_device(array: np.ndarray) -> np.ndarray:
    room = np.empty(array.nbytes + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    table.add(copy.ctypes.data, copy.nbytes, f"array of {array.shape} {array.dtype}")
    return copy


def _packed(argument: Any, parameter: Parameter) -> bytes:
    match argument:
        case bytes():
            content = argument
        case bool() | int():
            content = (argument % (1 << 8 * parameter.size)).to_bytes(parameter.size, "little")
        case float():
            content = {4: np.float32, 8: np.float64}[parameter.size](argument).tobytes()
        case _:
            content = np.asarray(argument).tobytes()
    assert len(content) == parameter.size, f"{argument!r} has {len(content)} bytes, the parameter {parameter.size}"
    return content


def _extent(size: Extent) -> tuple[int, int, int]:
    sizes: Sequence[int] = (size,) if isinstance(size, int) else size
    x, y, z = (*sizes, 1, 1, 1)[:3]
    return x, y, z
