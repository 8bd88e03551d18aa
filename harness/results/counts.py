"""What a run keeps of counters: of each kernel that the fused function of a case launched, and of all of them.

Exact, but where `sampled_blocks` says that the launch's figures were scaled up. Definitions: docs/counters.md.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "counted"


@dataclass(frozen=True, slots=True)
class KernelCounts:
    """Launches of one kernel with one shape; of all of them together, but for what one thread or block takes."""

    name: str
    launches: int
    grid: tuple[int, ...]
    block: tuple[int, ...]
    registers: int  # a thread
    spill_bytes: int | None  # a thread, stored and loaded; None where the kernel was not compiled by harness.kernel
    shared_bytes: int  # a block, static and dynamic
    blocks: int
    sampled_blocks: int  # so many of them were counted, and figures scaled up; 0: all were
    sectors: int  # of global memory, touched by requests
    ideal_sectors: int
    wavefronts: int  # of shared memory
    ideal_wavefronts: int
    dram_read_bytes: int
    dram_write_bytes: int

    @property
    def dram_bytes(self) -> int:
        return self.dram_read_bytes + self.dram_write_bytes

    @property
    def sector_efficiency(self) -> float | None:
        """1 where requests touch no more sectors than their bytes need; None without requests."""
        return self.ideal_sectors / self.sectors if self.sectors else None

    @property
    def conflict_free(self) -> float | None:
        """1 without bank conflicts; None where shared memory is not used."""
        return self.ideal_wavefronts / self.wavefronts if self.wavefronts else None


@dataclass(frozen=True, slots=True)
class Counts:
    """One call of a fused function; no `kernels` where it launched none through PyCUDA. `compulsory_bytes`: its inputs
    read and its outputs written once; None where that is not to be known, and then `withheld` says why."""

    kernels: tuple[KernelCounts, ...]
    compulsory_bytes: int | None
    withheld: str = ""

    @property
    def dram_bytes(self) -> int:
        return sum(kernel.dram_bytes for kernel in self.kernels)

    @property
    def traffic(self) -> float | None:
        """DRAM bytes of all kernels over the compulsory ones."""
        return self.dram_bytes / self.compulsory_bytes if self.compulsory_bytes else None
