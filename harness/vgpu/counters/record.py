"""The counters of one launch (or of several, added up)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Counters:
    """Exact counts. `instructions` are warp instructions by class.

    Classes: int, fp16, fp32, fp64, sfu (special functions), tensor, memory, shared, control, barrier, other.
    Sectors are 32-byte pieces of global memory that requests touched (traffic between L1 and L2 without
    any L1 hit); `dram_read_bytes` and `dram_write_bytes` count each sector once per launch (an L2 that
    holds the launch's footprint).
    """

    blocks: int = 0
    warps: int = 0
    instructions: dict[str, int] = field(default_factory=dict)
    load_requests: int = 0
    store_requests: int = 0
    sectors_read: int = 0
    sectors_written: int = 0
    dram_read_bytes: int = 0
    dram_write_bytes: int = 0

    @property
    def dram_bytes(self) -> int:
        return self.dram_read_bytes + self.dram_write_bytes

    @property
    def warp_instructions(self) -> int:
        return sum(self.instructions.values())
