"""A loaded module: its kernels ready to launch, its variables placed in memory.

(contract; the implementation follows)
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.vgpu.counters.record import Counters
from harness.vgpu.run.mode import Mode


@dataclass(frozen=True, slots=True)
class Parameter:
    """Where one kernel parameter lies in the parameter buffer."""

    offset: int
    size: int


class LoadedKernel:
    """One `.entry` of a loaded module."""

    name: str
    parameters: tuple[Parameter, ...]
    parameter_bytes: int
    static_shared_bytes: int
    local_bytes: int
    max_threads: int

    def launch(
        self,
        grid: tuple[int, int, int],
        block: tuple[int, int, int],
        dynamic_shared_bytes: int,
        parameters: bytes,
        mode: Mode,
    ) -> Counters:
        """Run the grid to its end. Raises KernelFault, UnsupportedPtx (the first launch compiles)."""
        raise NotImplementedError


class LoadedModule:
    """Kernels and global variables by name; `variables[name]` is (address, bytes)."""

    kernels: dict[str, LoadedKernel]
    variables: dict[str, tuple[int, int]]


def load(ptx: str, name: str = "<ptx>") -> LoadedModule:
    """Parse PTX and place its variables. Raises InvalidPtx. Kernels are compiled at their first launch."""
    raise NotImplementedError
