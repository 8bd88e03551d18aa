"""How long a kernel lasts: its slowest resource, plus a fixed ramp.

In: the counters of a launch, its shape and resources, a GPU. Out: nanoseconds, and which resource set them.

Every term is a lower bound that a real GPU obeys too; the model takes their maximum, so it is optimistic where
two resources are busy at different moments of a block's life. Caches between launches are not modelled: each
launch reads its data from DRAM once.

| term | quantity | over |
| --- | --- | --- |
| dram | DRAM bytes | achievable bandwidth, or what the requests in flight sustain (Little's law) |
| l2 | 32-byte sectors | achievable L2 bandwidth |
| sm-l2 | sectors of the busiest SM | bytes a clock between an SM and L2 |
| issue | warp instructions of the busiest SM | its schedulers, fewer where warps are too few to hide the latency |
| <class> | the same of one class | its lanes |

The busiest SM runs ceil(blocks / SMs) blocks: that is the wave quantisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod

from harness.vgpu.activity import Extent
from harness.vgpu.counters.record import Counters
from harness.vgpu.errors import KernelFault
from harness.vgpu.gpus import Gpu
from harness.vgpu.occupancy import Occupancy, occupancy

SECTOR_BYTES = 32
OUT_OF_RESOURCES = 701  # CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES


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
    terms = _memory(counters, blocks, fit, gpu) | _instructions(counters, blocks, fit, gpu)
    return KernelTime(gpu.kernel_ramp_ns, terms)


def _memory(counters: Counters, blocks: int, fit: Occupancy, gpu: Gpu) -> dict[str, float]:
    sectors = counters.sectors_read + counters.sectors_written
    share_of_busiest = ceil(blocks / gpu.sms) / blocks
    bandwidth = min(gpu.achievable_dram_bandwidth, _sustained_bandwidth(counters, blocks, fit, gpu))
    return {
        "dram": counters.dram_bytes / bandwidth * 1e9,
        "l2": sectors * SECTOR_BYTES / gpu.achievable_l2_bandwidth * 1e9,
        "sm-l2": sectors * SECTOR_BYTES * share_of_busiest / (gpu.sm_l2_bytes_per_clock * gpu.clock_hz) * 1e9,
    }


def _sustained_bandwidth(counters: Counters, blocks: int, fit: Occupancy, gpu: Gpu) -> float:
    """Bytes a second that the requests in flight of all resident warps keep up, each for one DRAM latency."""
    requests = counters.load_requests + counters.store_requests
    sectors = counters.sectors_read + counters.sectors_written
    if not requests or not sectors:
        return gpu.achievable_dram_bandwidth
    warps = min(blocks, fit.blocks_per_sm * gpu.sms) * fit.warps_per_block
    in_flight = warps * gpu.requests_in_flight * sectors / requests * SECTOR_BYTES
    return in_flight / (gpu.dram_latency_ns * 1e-9)


def _instructions(counters: Counters, blocks: int, fit: Occupancy, gpu: Gpu) -> dict[str, float]:
    busiest = ceil(blocks / gpu.sms)
    warps = min(busiest, fit.blocks_per_sm) * fit.warps_per_block  # resident on the busiest SM
    # a warp issues one instruction in `dependent_issue_cycles`, a scheduler one a cycle
    rate = min(gpu.schedulers_per_sm, warps / gpu.dependent_issue_cycles)
    share = busiest / blocks
    cycles = {"issue": counters.warp_instructions * share / rate}
    for kind, count in counters.instructions.items():
        cycles[kind] = count * share * 32 / gpu.lanes.get(kind, gpu.lanes["other"])
    return {term: value / gpu.clock_hz * 1e9 for term, value in cycles.items()}
