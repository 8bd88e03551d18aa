"""Occupancy: how many blocks of a kernel an SM holds at once, and which resource sets the limit.

In: block size, registers a thread, shared memory a block, a GPU. Out: blocks an SM, and what bounds it.
The rules are those of the CUDA occupancy calculator (cuda_occupancy.h).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from harness.vgpu.activity import Extent
from harness.vgpu.gpus import Gpu


@dataclass(frozen=True, slots=True)
class Occupancy:
    """`blocks_per_sm` is 0 where one block does not fit at all."""

    blocks_per_sm: int
    warps_per_block: int
    limit: str  # "blocks", "threads", "registers" or "shared memory"

    @property
    def warps_per_sm(self) -> int:
        return self.blocks_per_sm * self.warps_per_block

    def share(self, gpu: Gpu) -> float:
        """Theoretical occupancy: of the warps that an SM has room for, those that it holds."""
        return self.warps_per_sm / gpu.warps_per_sm

    def waves(self, blocks: int, gpu: Gpu) -> float:
        """How often the GPU is filled by so many blocks: 2.1 are three rounds, the last of them nearly empty."""
        at_once = self.blocks_per_sm * gpu.sms
        return blocks / at_once if at_once else 0.0


def occupancy(block: Extent | int, registers: int, shared_bytes: int, gpu: Gpu) -> Occupancy:
    """Blocks an SM; `shared_bytes` is static plus dynamic."""
    threads = block if isinstance(block, int) else prod(block)
    warps = warps_of(threads)
    limits = {
        "blocks": gpu.blocks_per_sm,
        "threads": gpu.warps_per_sm // warps if threads <= gpu.threads_per_block else 0,
        "registers": _by_registers(warps, registers, gpu),
        "shared memory": _by_shared(shared_bytes, gpu),
    }
    limit = min(limits, key=lambda name: limits[name])
    return Occupancy(limits[limit], warps, limit)


def warps_of(threads: int) -> int:
    """Warps that hold so many threads."""
    return -(-threads // 32)


def _by_registers(warps: int, registers: int, gpu: Gpu) -> int:
    if registers > gpu.registers_per_thread:
        return 0
    per_warp = _round_up(max(registers, 1) * 32, gpu.register_granularity)
    warps_per_scheduler = gpu.registers_per_sm // gpu.schedulers_per_sm // per_warp
    if _round_up(warps, gpu.schedulers_per_sm) * per_warp > gpu.registers_per_block:
        return 0
    return warps_per_scheduler * gpu.schedulers_per_sm // warps


def _by_shared(shared_bytes: int, gpu: Gpu) -> int:
    if shared_bytes > gpu.shared_per_block_optin:
        return 0
    per_block = _round_up(shared_bytes + gpu.shared_reserved_per_block, gpu.shared_granularity)
    return gpu.shared_per_sm // per_block if per_block else gpu.blocks_per_sm


def _round_up(value: int, unit: int) -> int:
    return -(-value // unit) * unit
