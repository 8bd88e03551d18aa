"""How long a matrix product lasts: tiles over SMs in waves, against the memory it must move.

In: a product and a GPU. Out: nanoseconds and the tile grid. The library's choice is modelled as the best of a few
tile shapes and of splitting the reduction inside the kernel.

time = ramp + max(compute, DRAM, L2):
- compute: waves x a tile's flops over one SM's share of the achievable peak, of which small tiles reach less, and
  one memory latency to fill the tile's pipeline;
- DRAM: operands and result once, over the achievable bandwidth;
- L2: every tile reads its rows and columns, over the achievable L2 bandwidth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from harness.timing.torch_launches.launch import MatrixProduct
from harness.vgpu.gpus import Gpu

# tile rows, tile columns, share of the achievable rate that the tile reaches: operands per flop grow as tiles shrink
_TILES = {
    "tensor": (
        (256, 128, 1.0),
        (128, 256, 1.0),
        (128, 128, 0.95),
        (128, 64, 0.8),
        (64, 128, 0.8),
        (64, 64, 0.6),
        (32, 32, 0.25),
    ),
    "fp32": ((128, 128, 1.0), (128, 64, 0.95), (64, 128, 0.95), (64, 64, 0.85), (32, 64, 0.65), (32, 32, 0.5)),
}
_SPLITS = (1, 2, 3, 4, 6, 8)
_SHORTEST_REDUCTION = 64  # a split keeps at least this much of k


@dataclass(frozen=True, slots=True)
class Tiling:
    """One way to run a product."""

    tile: tuple[int, int]
    split: int
    blocks: int
    ns: float


def tiling(product: MatrixProduct, gpu: Gpu) -> Tiling:
    """The fastest of the known tilings."""
    return min(_tilings(product, gpu), key=lambda choice: choice.ns)


def matrix_ns(product: MatrixProduct, gpu: Gpu) -> int:
    """Nanoseconds from start to end."""
    return gpu.kernel_ramp_ns + ceil(tiling(product, gpu).ns)


def _tilings(product: MatrixProduct, gpu: Gpu) -> Iterator[Tiling]:
    peak = gpu.tensor_peak if product.path == "tensor" else gpu.fp32_peak
    rate = peak * gpu.gemm_efficiency[product.path] / gpu.sms
    dram = product.dram_bytes / gpu.achievable_dram_bandwidth
    for rows, columns, share in _TILES[product.path]:
        tiles = ceil(product.m / rows) * ceil(product.n / columns) * product.batch
        for split in _SPLITS:
            depth = ceil(product.k / split)
            if split > 1 and depth < _SHORTEST_REDUCTION:
                continue
            blocks = tiles * split
            waves = ceil(blocks / gpu.sms)
            compute = waves * (2 * rows * columns * depth / (rate * share) + gpu.dram_latency_ns * 1e-9)
            loads = blocks * (rows + columns) * depth * product.item_bytes
            partials = 2 * 4 * product.m * product.n * product.batch * (split - 1)
            l2 = (loads + partials) / gpu.achievable_l2_bandwidth
            yield Tiling((rows, columns), split, blocks, max(compute, dram, l2) * 1e9)
