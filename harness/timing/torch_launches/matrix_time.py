"""How long a matrix product lasts: tiles over SMs in waves, against the memory that it must move.

In: a product and a GPU. Out: nanoseconds and the tile grid. cuBLAS' choice among its kernels is modelled as the best of
the tile shapes that it and CUTLASS have, and of splitting the reduction over blocks.

time = ramp + max(main loops, DRAM, L2) + the sum of partial results, where the reduction is split

- main loops: wave after wave, `k / depth` steps each. A step takes what the tensor or FP32 cores need for all tiles on
  the SM, at the achievable share of their peak, and never less than `gemm_step_cycles`: the way of the next slices
  from global memory through shared memory to registers, of which one step in flight hides nothing more. Before the
  first step the pipeline fills once from DRAM.
- DRAM: operands and result once, over the achievable bandwidth.
- L2: every tile reads its rows and columns, over the achievable L2 bandwidth; on Hopper two blocks share the columns.
- a split reduction writes partial sums in FP32 and starts a second kernel that adds them (cuBLAS' splitKreduce_kernel).

Small products are thus slow for three reasons that one can read: the last wave leaves SMs idle, tiles reach beyond the
matrix, and the steps of too few tiles wait for memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from harness.timing.torch_launches.launch import MatrixPath, MatrixProduct
from harness.vgpu.gpus import Gpu
from harness.vgpu.occupancy import occupancy


@dataclass(frozen=True, slots=True)
class Tile:
    """What one block computes; `depth` is the part of the reduction that one step of the main loop takes."""

    rows: int
    columns: int
    depth: int
    threads: int

    @property
    def registers(self) -> int:
        """A thread's accumulators, and as much again as fragments, addresses and the next slice need."""
        return min(255, self.rows * self.columns // self.threads + _OTHER_REGISTERS)


_OTHER_REGISTERS = 64


def _tiles(depth: int, *shapes: tuple[int, int]) -> tuple[Tile, ...]:
    both = {shape for rows, columns in shapes for shape in ((rows, columns), (columns, rows))}
    return tuple(Tile(*shape, depth, 256 if shape[0] * shape[1] >= 128 * 128 else 128) for shape in sorted(both))


# CUTLASS' profiler and cuBLAS' kernel names (volta_h884gemm_256x128_ldg8, volta_sgemm_128x64, …) list these
_TILES: dict[MatrixPath, tuple[Tile, ...]] = {
    "tensor": _tiles(32, (256, 128), (128, 128), (128, 64), (64, 64), (64, 32), (32, 32)),
    "fp32": _tiles(8, (128, 128), (128, 64), (64, 64)) + _tiles(32, (128, 32), (64, 32), (32, 32)),
}
_SPLITS = (1, 2, 3, 4, 6, 8, 12, 16)
_SHORTEST_REDUCTION = 64  # a split keeps at least this much of k
_PARTIAL_BYTES = 4
_CLUSTER = 2  # blocks that share what one of them loads: CUTLASS' cluster of 2 x 1 with TMA multicast, from sm_90 on


@dataclass(frozen=True, slots=True)
class Tiling:
    """One way to run a product."""

    tile: Tile
    split: int
    blocks: int
    ns: float


def matrix_ns(product: MatrixProduct, gpu: Gpu) -> int:
    """Nanoseconds from start to end."""
    return gpu.kernel_ramp_ns + ceil(tiling(product, gpu).ns)


@lru_cache(maxsize=4096)
def tiling(product: MatrixProduct, gpu: Gpu) -> Tiling:
    """The fastest of the known tilings. Kept, for a decoding asks for the same few products at every step."""
    return min(_tilings(product, gpu), key=lambda choice: choice.ns)


def _tilings(product: MatrixProduct, gpu: Gpu) -> Iterator[Tiling]:
    peak = gpu.tensor_peak if product.path == "tensor" else gpu.fp32_peak
    rate = peak * gpu.gemm_efficiency[product.path] / gpu.sms
    dram = product.dram_bytes / gpu.achievable_dram_bandwidth
    cluster = _CLUSTER if gpu.compute_capability >= (9, 0) else 1
    for tile in _TILES[product.path]:
        tiles = ceil(product.m / tile.rows) * ceil(product.n / tile.columns) * product.batch
        fitting = max(occupancy(tile.threads, tile.registers, 0, gpu).blocks_per_sm, 1)
        work = 2 * tile.rows * tile.columns * tile.depth / rate
        for split in _SPLITS:
            reduction = ceil(product.k / split)
            if split > 1 and reduction < _SHORTEST_REDUCTION:
                continue
            blocks, steps = tiles * split, ceil(reduction / tile.depth)
            loops = _main_loops(blocks, steps, work, fitting, gpu)
            slices = tile.rows + tile.columns / cluster
            l2 = blocks * slices * reduction * product.item_bytes / gpu.achievable_l2_bandwidth
            total = max(loops, dram, l2) + _sum_of_partials(product, split, gpu)
            yield Tiling(tile, split, blocks, total * 1e9)


def _main_loops(blocks: int, steps: int, work: float, fitting: int, gpu: Gpu) -> float:
    """Seconds of all waves; in the last one the blocks that are left spread over the SMs."""
    full, rest = divmod(blocks, gpu.sms * fitting)
    fill, shortest = gpu.dram_latency_ns * 1e-9, gpu.gemm_step_cycles / gpu.clock_hz
    wave = fill + steps * max(fitting * work, shortest)
    last = fill + steps * max(ceil(rest / gpu.sms) * work, shortest) if rest else 0.0
    return full * wave + last


def _sum_of_partials(product: MatrixProduct, split: int, gpu: Gpu) -> float:
    if split == 1:
        return 0.0
    nbytes = _PARTIAL_BYTES * product.m * product.n * product.batch * 2 * split  # written, then read
    return (gpu.back_to_back_ns + gpu.kernel_ramp_ns) * 1e-9 + nbytes / gpu.achievable_l2_bandwidth
