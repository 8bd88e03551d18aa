"""How launching functions choose vector widths, blocks and grids, and what they refuse.

In: tensors and their sizes. Out: template arguments and launch shapes that the kernels' headers ask for.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from harness.errors import FuseproofError

WARP = 32
ACCESS_BYTES = 16  # the widest load or store of one thread
TILE_THREADS = 128
MAX_GRID_Y = 65535
FILLED_GPU = 1024  # blocks that keep any of today's GPUs busy; beyond them a thread takes several rows
HELD_SCALARS = 32  # of a row, in registers of one thread: 1024 threads leave 64 registers to each
MAX_ITEMS = 8


class OperandError(FuseproofError):
    """A tensor that a kernel cannot read."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """A launch over rows x columns, in which a thread keeps its column and walks down rows."""

    grid: tuple[int, int]
    block: tuple[int, int]


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Threads that share one row, and the vectors that each of them holds (0: too long to hold)."""

    threads: int
    items: int


def require(kernel: str, dtype: torch.dtype, **operands: tuple[torch.Tensor, tuple[int, ...]]) -> None:
    """Every operand is dense, of this dtype, and of the shape given with it."""
    for name, (tensor, shape) in operands.items():
        where = f"{kernel}: {name}"
        if tensor.dtype != dtype:
            raise OperandError(f"{where} is {tensor.dtype}, expected {dtype}; convert it before the call")
        if tuple(tensor.shape) != tuple(shape):
            raise OperandError(f"{where} has shape {tuple(tensor.shape)}, expected {tuple(shape)}")
        if not tensor.is_contiguous():
            raise OperandError(
                f"{where} is not contiguous (strides {tensor.stride()} for shape {tuple(shape)}); "
                "call .contiguous() on it, which costs a copy"
            )


def vector_width(length: int, *tensors: torch.Tensor) -> int:
    """Scalars per access: as many as divide `length`, fill at most 16 bytes, and keep every tensor aligned."""
    width = ACCESS_BYTES // max(tensor.element_size() for tensor in tensors)
    while width > 1 and (length % width or any(t.data_ptr() % (width * t.element_size()) for t in tensors)):
        width //= 2
    return width


def tiles(rows: int, vectors: int) -> Tiles:
    """Over `rows` of so many vectors; a thread takes several rows once there are blocks enough to fill a GPU."""
    if vectors < WARP:
        across = _power_of_2(vectors)
    else:
        across = _whole_warps(-(-vectors // -(-vectors // TILE_THREADS)))
    down = max(1, TILE_THREADS // across)
    columns, blocks = -(-vectors // across), -(-rows // down)
    rows_each = min(MAX_ITEMS, max(1, columns * blocks // FILLED_GPU))
    return Tiles(grid=(columns, min(-(-blocks // rows_each), MAX_GRID_Y)), block=(across, down))


def row_block(vectors: int, width: int) -> RowBlock:
    """A block shares a row: two vectors a thread where that fills whole warps, and more before it takes 512 threads.

    Several vectors a thread are more loads in flight, and fewer warps to reduce over.
    """
    most = held_items(width)
    threads = min(_whole_warps(vectors // 2 if vectors % (2 * WARP) == 0 else vectors), 256)
    while threads < 1024 and vectors > threads * most:
        threads *= 2
    items = _power_of_2(-(-vectors // threads))  # so that few instances are compiled
    return RowBlock(threads, items if items <= most else 0)


def held_items(width: int) -> int:
    """Vectors of `width` scalars that one thread can hold."""
    return min(MAX_ITEMS, HELD_SCALARS // width)


def lane_block(vectors: int) -> RowBlock:
    """Lanes of one warp share a row: no more than it has vectors, so that short rows leave no lane idle."""
    lanes = min(WARP, _power_of_2(vectors))
    return RowBlock(lanes, _power_of_2(-(-vectors // lanes)))


def _whole_warps(threads: int) -> int:
    return -(-threads // WARP) * WARP


def _power_of_2(number: int) -> int:
    """The next one, from 1 on."""
    return 1 << (number - 1).bit_length()
