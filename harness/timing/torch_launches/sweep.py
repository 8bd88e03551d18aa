"""A kernel that goes once over its elements: reads and writes whole sectors, with a few instructions an element.

What kernels cost that are neither TensorIterator's, nor reductions, nor matrix products. In: the bytes that must move
and the instructions of one element (estimates). Out: one kernel, or none where there are no elements.
"""

from __future__ import annotations

from math import ceil, prod

import torch

from harness.timing.torch_launches.iteration import SECTOR_BYTES, WARP
from harness.timing.torch_launches.launch import Kernel, Launch, Traffic
from harness.vgpu.activity import Extent


def sweep(
    name: str,
    elements: int,
    *,
    read: int = 0,
    written: int = 0,
    integers: int = 8,
    fp32: int = 0,
    sfu: int = 0,
    grid: Extent | None = None,
    block: Extent = (128, 1, 1),
    each: int = 4,
) -> list[Launch]:
    """`each` elements a thread, where `grid` does not say otherwise."""
    if elements == 0 or (grid and not prod(grid)):
        return []
    warps = ceil(elements / WARP)
    traffic = Traffic(
        dram_read=read,
        dram_write=written,
        sectors_read=ceil(read / SECTOR_BYTES),
        sectors_written=ceil(written / SECTOR_BYTES),
        load_requests=warps if read else 0,
        store_requests=warps if written else 0,
    )
    instructions = {
        "int": integers * warps,
        "fp32": fp32 * warps,
        "sfu": sfu * warps,
        "memory": traffic.load_requests + traffic.store_requests,
        "control": warps,
    }
    grid = grid or (ceil(elements / (prod(block) * each)), 1, 1)
    return [Kernel(name, grid, block, traffic, {kind: count for kind, count in instructions.items() if count})]


def nbytes(*tensors: torch.Tensor | None) -> int:
    """Bytes of the elements; of a broadcast tensor each element once."""
    return sum(_own(tensor) * tensor.element_size() for tensor in tensors if tensor is not None)


def _own(tensor: torch.Tensor) -> int:
    return prod(size for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride or size == 0)
