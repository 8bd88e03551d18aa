"""The counters of one launch (or of several, added up).

Everything is counted from the PTX that was executed. Names and definitions follow Nsight Compute's where it has them;
docs/counters.md states each, the rules of shared memory and the cache model. All requests are warp-level: one
instruction of one warp, with at least one active lane.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.vgpu.ptx.program import SourceLine

SECTOR_BYTES = 32


@dataclass(frozen=True, slots=True)
class LongestWarp:
    """The warp that executed most instructions (of several, the first of the lowest block): the critical path.

    `load_rounds` are the times that it cannot but wait for global memory: within each basic block that it ran, the
    longest chain of loads of which one needs what the one before brought.
    """

    instructions: int = 0
    load_requests: int = 0  # of global memory; cp.async among them
    load_rounds: int = 0
    shared_requests: int = 0  # loads, stores and atomics of shared memory
    barriers: int = 0  # of the block


@dataclass(frozen=True, slots=True)
class LineCounters:
    """What one line of the source did. `source` is its own line and, of inlined code, the lines that inlined it."""

    source: SourceLine | None  # None: instructions for which nvcc names no line
    instructions: int = 0  # warp instructions
    thread_instructions: int = 0
    requests: int = 0  # of global memory
    sectors: int = 0
    ideal_sectors: int = 0
    shared_requests: int = 0
    wavefronts: int = 0
    ideal_wavefronts: int = 0
    local_sectors: int = 0
    branches: int = 0
    divergent_branches: int = 0


@dataclass(frozen=True, slots=True)
class Counters:
    """Exact counts, unless `sampled_blocks` says how many of `blocks` were counted and scaled up.

    Classes of `instructions`: int, fp16, fp32, fp64, sfu (special functions), tensor, memory, shared, control, barrier,
    other.
    """

    blocks: int = 0
    warps: int = 0
    sampled_blocks: int = 0  # 0: all of them were counted
    instructions: dict[str, int] = field(default_factory=dict)  # warp instructions by class
    thread_instructions: dict[str, int] = field(default_factory=dict)  # the same times the active lanes

    # global memory: loads and stores, atomics in both; a sector is a piece of 32 bytes that a request touches
    load_requests: int = 0
    store_requests: int = 0
    sectors_read: int = 0
    sectors_written: int = 0
    ideal_sectors_read: int = 0  # as few as hold the bytes that the lanes asked for, each byte once
    ideal_sectors_written: int = 0
    atomics: int = 0  # requests of `atom` to global memory
    reductions: int = 0  # requests of `red` to global memory

    # behind the L1 (of one block's lifetime: a block reads a sector from L2 once; writes and atomics go through)
    l2_read_bytes: int = 0
    l2_write_bytes: int = 0
    # behind the L2 (it holds the launch's footprint: each sector once a launch)
    dram_read_bytes: int = 0
    dram_write_bytes: int = 0

    # shared memory: 32 banks of 4 bytes; a wavefront is one pass over the banks
    shared_load_requests: int = 0
    shared_load_wavefronts: int = 0
    shared_load_ideal_wavefronts: int = 0  # without bank conflicts
    shared_store_requests: int = 0
    shared_store_wavefronts: int = 0
    shared_store_ideal_wavefronts: int = 0
    shared_atomics: int = 0  # requests of `atom` and `red`: their wavefronts are in no other figure
    shared_atomic_wavefronts: int = 0
    shared_atomic_ideal_wavefronts: int = 0

    # local memory, as PTX has it: arrays and stacks; what ptxas spills on top is in the kernel's resources
    local_load_requests: int = 0
    local_store_requests: int = 0
    local_sectors_read: int = 0
    local_sectors_written: int = 0

    barriers: int = 0  # warp instructions that wait at a barrier of the block
    branches: int = 0  # warp instructions that could go two ways or more
    divergent_branches: int = 0  # those at which the active lanes parted
    tensor_flops: dict[str, int] = field(default_factory=dict)  # 2 * m * n * k of each mma, by type of the factors
    longest: LongestWarp = LongestWarp()
    lines: tuple[LineCounters, ...] = ()

    @property
    def dram_bytes(self) -> int:
        return self.dram_read_bytes + self.dram_write_bytes

    @property
    def l2_bytes(self) -> int:
        return self.l2_read_bytes + self.l2_write_bytes

    @property
    def l1_bytes(self) -> int:
        """What requests moved between the lanes and L1, in whole sectors."""
        return SECTOR_BYTES * self.sectors

    @property
    def sectors(self) -> int:
        return self.sectors_read + self.sectors_written

    @property
    def ideal_sectors(self) -> int:
        return self.ideal_sectors_read + self.ideal_sectors_written

    @property
    def shared_requests(self) -> int:
        return self.shared_load_requests + self.shared_store_requests + self.shared_atomics

    @property
    def wavefronts(self) -> int:
        return self.shared_load_wavefronts + self.shared_store_wavefronts + self.shared_atomic_wavefronts

    @property
    def ideal_wavefronts(self) -> int:
        return (
            self.shared_load_ideal_wavefronts + self.shared_store_ideal_wavefronts + self.shared_atomic_ideal_wavefronts
        )

    @property
    def warp_instructions(self) -> int:
        return sum(self.instructions.values())

    @property
    def active_lanes(self) -> float:
        """Lanes active in a mean warp instruction: at most 32."""
        return sum(self.thread_instructions.values()) / self.warp_instructions if self.warp_instructions else 0.0
