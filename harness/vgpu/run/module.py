"""A loaded module: its kernels ready to launch, its variables placed in memory."""

from __future__ import annotations

from functools import cache
from typing import Any

from harness.vgpu.jit import compile as jit
from harness.vgpu.jit.target import Target
from harness.vgpu.layout import ffi
from harness.vgpu.run.allocations import table
from harness.vgpu.run.kernel import LoadedKernel
from harness.vgpu.run.native import lib
from harness.vgpu.run.outline import Program
from harness.vgpu.run.variables import Variables


class LoadedModule:
    """Kernels and global variables by name; `variables[name]` is (address, bytes). `quick_warps` is that of `Codes`."""

    def __init__(self, program: Program, target: Target, quick_warps: int = 0) -> None:
        self.program = program
        self._variables = Variables(program.outline)
        if "malloc" in program.outline.prototypes:
            _make_heap()
        self.kernels = {
            name: LoadedKernel(function, program, self._variables, target, quick_warps)
            for name, function in program.outline.functions.items()
            if function.is_kernel
        }

    @property
    def variables(self) -> dict[str, tuple[int, int]]:
        return self._variables.places

    def unload(self) -> None:
        """Give the variables' memory back; also happens when nothing refers to the module or a kernel any more."""
        self._variables.release()


HEAP_BYTES = 8 << 20  # CUDA's default for CU_LIMIT_MALLOC_HEAP_SIZE


@cache
def _make_heap() -> None:
    """Memory for malloc in kernels: one heap for the process, as CUDA has one for a context."""
    memory = ffi.new("uint8_t[]", HEAP_BYTES + 256)
    start = -(-int(ffi.cast("uintptr_t", memory)) // 256) * 256
    _heap.append(memory)
    lib().vgpu_heap(ffi.cast("uint8_t *", start), HEAP_BYTES)
    table.add(start, HEAP_BYTES, "the device heap (malloc in kernels)")


_heap: list[Any] = []


def load(ptx: str, name: str = "<ptx>", target: Target | None = None, quick_warps: int = 0) -> LoadedModule:
    """Read PTX and place its variables. Raises InvalidPtx. Kernels are compiled at their first launch.

    `target` is the CPU to compile for, if it is not this machine's; the first `quick_warps` warps of a kernel run code
    that is compiled without optimisation.
    """
    target = target or jit.host()
    return LoadedModule(Program(ptx, name, target), target, quick_warps)
