"""How long a kernel lasts: its slowest resource, plus a fixed ramp.

In: the counters of a launch, its shape and resources, a GPU. Out: nanoseconds, and which resource set them.

Every throughput term is a lower bound that a real GPU obeys too; the model takes the largest, so it is optimistic where
two resources are busy at different moments of a block's life. Caches between launches are not modelled: each launch
reads its data from DRAM once.

| term | quantity | over |
| --- | --- | --- |
| dram | DRAM bytes | achievable bandwidth |
| l2 | bytes that leave or enter the L1s | achievable L2 bandwidth |
| sm-l2 | the same of the busiest SM | bytes a clock between an SM and L2 |
| wavefronts | shared-memory wavefronts of the busiest SM | one a clock |
| issue | warp instructions of the busiest SM | its schedulers |
| <class> | the same of one class | its lanes |
| tensor-core | tensor flops of the busiest SM | its share of the peak |
| latency | waves x the longest warp: instructions one after the other, shared memory, barriers, rounds of loads | 1 |

The busiest SM runs ceil(blocks / SMs) blocks; waves are ceil(blocks / (SMs x blocks that fit on an SM)): that is the
quantisation by tails and waves. docs/model.md has the formulas.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod

from harness.vgpu.activity import Extent
from harness.vgpu.counters.record import SECTOR_BYTES, Counters
from harness.vgpu.errors import KernelFault
from harness.vgpu.gpus import Gpu
from harness.vgpu.occupancy import Occupancy, occupancy

OUT_OF_RESOURCES = 701  # CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES
WARP = 32


@dataclass(frozen=True, slots=True)
class KernelTime:
    """Nanoseconds by term; the kernel lasts `ramp` plus the largest."""

    ramp: int
    terms: dict[str, float]

    @property
    def limit(self) -> str:
        return max(self.terms, key=lambda term: self.terms[term])

    @property
    def ns(self) -> int:
        return self.ramp + ceil(self.terms[self.limit])


def kernel_ns(
    counters: Counters | None, grid: Extent, block: Extent, registers: int, shared_bytes: int, gpu: Gpu
) -> int:
    """Nanoseconds from start to end. A launch that nobody counted lasts its ramp only: such a time means nothing."""
    return kernel_time(counters or Counters(), grid, block, registers, shared_bytes, gpu).ns


def kernel_time(
    counters: Counters, grid: Extent, block: Extent, registers: int, shared_bytes: int, gpu: Gpu
) -> KernelTime:
    """The terms of the model; KernelFault where a block does not fit on an SM."""
    fit = occupancy(block, registers, shared_bytes, gpu)
    if fit.blocks_per_sm == 0:
        raise KernelFault(
            f"a block of {prod(block)} threads, {registers} registers a thread and {shared_bytes} bytes of shared "
            f"memory does not fit on an SM of {gpu.full_name}: {fit.limit} are exhausted; make the block smaller",
            OUT_OF_RESOURCES,
        )
    blocks = max(prod(grid), 1)
    busiest = ceil(blocks / gpu.sms) / blocks  # the share of the busiest SM
    terms = _memory(counters, busiest, gpu) | _instructions(counters, busiest, gpu)
    terms["latency"] = _latency(counters, blocks, fit, gpu)
    return KernelTime(gpu.kernel_ramp_ns, terms)


def _memory(counters: Counters, busiest: float, gpu: Gpu) -> dict[str, float]:
    through_l2 = counters.l2_bytes or SECTOR_BYTES * counters.sectors
    return {
        "dram": counters.dram_bytes / gpu.achievable_dram_bandwidth * 1e9,
        "l2": through_l2 / gpu.achievable_l2_bandwidth * 1e9,
        "sm-l2": through_l2 * busiest / (gpu.sm_l2_bytes_per_clock * gpu.clock_hz) * 1e9,
    }


def _instructions(counters: Counters, busiest: float, gpu: Gpu) -> dict[str, float]:
    cycles = {
        "wavefronts": counters.wavefronts * busiest,
        "issue": counters.warp_instructions * busiest / gpu.schedulers_per_sm,
    }
    for kind, count in counters.instructions.items():
        cycles[kind] = count * busiest * WARP / gpu.lanes.get(kind, gpu.lanes["other"])
    terms = {term: value / gpu.clock_hz * 1e9 for term, value in cycles.items()}
    if counters.tensor_flops:
        terms["tensor-core"] = sum(counters.tensor_flops.values()) * busiest * gpu.sms / gpu.tensor_peak * 1e9
    return terms


def _latency(counters: Counters, blocks: int, fit: Occupancy, gpu: Gpu) -> float:
    """What one warp cannot hide by itself, wave after wave: a new block starts where an old one has ended."""
    warps = counters.warps or blocks * fit.warps_per_block
    longest = counters.longest
    instructions = longest.instructions or counters.warp_instructions / warps
    rounds = longest.load_rounds or ceil(counters.load_requests / warps / gpu.requests_in_flight)
    waits = longest.shared_requests + longest.barriers
    cycles = instructions * gpu.dependent_issue_cycles + waits * gpu.shared_latency_cycles
    waves = ceil(blocks / (gpu.sms * fit.blocks_per_sm))
    return waves * (cycles / gpu.clock_hz * 1e9 + rounds * gpu.dram_latency_ns)
