"""How attention of single queries is launched: lanes that share a head's columns, and warps that share its positions.

In: the size of a head, its strides and tensors, how many positions and blocks there are. Out: template arguments of
decoder_attention.cuh, and threads of a block.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from kernels.shapes import FILLED_GPU, HELD_SCALARS, WARP, OperandError, held_items, lane_block, vector_width

MOST_WARPS = 8  # most_warps of decoder_attention.cuh
POSITIONS_EACH = 4  # of a group of lanes, before a block gets another warp, once there are blocks enough


@dataclass(frozen=True, slots=True)
class HeadGroups:
    """Groups of `lanes` hold `items` vectors of `vector` scalars each, which together are a head."""

    vector: int
    items: int
    lanes: int

    def template(self) -> dict[str, int]:
        """The template arguments."""
        return {"vector": self.vector, "items": self.items, "lanes": self.lanes}

    def queries(self, most: int) -> int:
        """How many of `most` queries a thread can hold beside one another; a power of 2."""
        room = HELD_SCALARS // (self.vector * self.items)
        return min(room, 1 << (most - 1).bit_length())

    def threads(self, positions: int, blocks: int) -> int:
        """Of a block: a position a group where blocks are few, several where they fill a GPU."""
        groups = -(-positions // (POSITIONS_EACH if blocks >= FILLED_GPU else 1))
        warps = -(-groups * self.lanes // WARP)
        return WARP * min(MOST_WARPS, 1 << (max(1, warps) - 1).bit_length())


def head_groups(kernel: str, size: int, strides: tuple[int, ...], *tensors: torch.Tensor) -> HeadGroups:
    """For heads of `size`, whose rows lie at multiples of `strides`."""
    width = vector_width(math.gcd(size, *strides), *tensors)
    lanes = lane_block(size // width)
    if lanes.items > held_items(width):
        most = WARP * width * held_items(width)
        raise OperandError(f"{kernel}: a head of {size} does not fit the registers of a warp, which hold {most} so")
    return HeadGroups(width, lanes.items, lanes.threads)
