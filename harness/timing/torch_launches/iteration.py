"""How an elementwise kernel walks its operands: PyTorch's TensorIterator, as far as launches depend on it.

In: the output and the operands of an operator. Out: which kernel template runs (contiguous operands are vectorised),
and the memory traffic of each operand. Read from aten/src/ATen/TensorIterator.cpp (reorder_dimensions,
coalesce_dimensions, is_contiguous) and aten/src/ATen/native/cuda/CUDALoops.cuh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

import torch

from harness.timing.torch_launches.launch import Traffic

SECTOR_BYTES = 32
WARP = 32


@dataclass(frozen=True, slots=True)
class Walk:
    """Coalesced iteration space, fastest dimension first; strides in elements, one list an operand, output first."""

    shape: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def contiguous(self) -> bool:
        """Every operand is read and written straight through."""
        return len(self.shape) <= 1 and all(all(stride == 1 for stride in operand) for operand in self.strides)


def walk(output: torch.Tensor, operands: Sequence[torch.Tensor]) -> Walk:
    """The iteration over `output`, with `operands` broadcast to it."""
    shape = tuple(output.shape)
    tensors = (output, *(operand.expand(shape) for operand in operands))
    dimensions = [
        (size, tuple(tensor.stride(axis) for tensor in tensors)) for axis, size in enumerate(shape) if size != 1
    ]
    dimensions.reverse()  # the last axis is the fastest until strides say otherwise
    return _coalesced(_reordered(dimensions), len(tensors))


def traffic_of(
    tensor: torch.Tensor, steps: Sequence[int], shape: Sequence[int], *, written: bool = False, vector: int = 1
) -> Traffic:
    """Traffic of one operand walked with the strides `steps` over `shape`, each thread `vector` elements a request."""
    elements, item = prod(shape), tensor.element_size()
    requests = ceil(elements / (WARP * vector))
    step = steps[0] if steps else 1
    touched = elements * min(SECTOR_BYTES, abs(step) * item)
    sectors = ceil(touched / SECTOR_BYTES) if step else requests  # a broadcast value is one sector for the warp
    unique = prod(size for size, stride in zip(shape, steps, strict=True) if stride != 0) * item
    if written:
        return Traffic(dram_write=unique, sectors_written=sectors, store_requests=requests)
    return Traffic(dram_read=unique, sectors_read=sectors, load_requests=requests)


def _reordered(dimensions: list[tuple[int, tuple[int, ...]]]) -> list[tuple[int, tuple[int, ...]]]:
    """Insertion sort by stride, the output deciding first, as reorder_dimensions does."""
    ordered = list(dimensions)
    for i in range(1, len(ordered)):
        position = i
        for j in range(i - 1, -1, -1):
            decision = _faster(ordered[j], ordered[position])
            if decision > 0:
                ordered[j], ordered[position] = ordered[position], ordered[j]
                position = j
            elif decision < 0:
                break
    return ordered


def _faster(one: tuple[int, tuple[int, ...]], other: tuple[int, tuple[int, ...]]) -> int:
    """Positive where `other` must go before `one`; 0 where no operand decides (a stride of 0 never does)."""
    for stride_one, stride_other in zip(one[1], other[1], strict=True):
        if stride_one == 0 or stride_other == 0:
            continue
        if stride_one != stride_other:
            return 1 if stride_one > stride_other else -1
        if one[0] > other[0]:
            return 1
    return 0


def _coalesced(dimensions: list[tuple[int, tuple[int, ...]]], operands: int) -> Walk:
    merged: list[tuple[int, tuple[int, ...]]] = []
    for size, strides in dimensions:
        if merged and all(
            after == merged[-1][0] * before for before, after in zip(merged[-1][1], strides, strict=True)
        ):
            merged[-1] = (merged[-1][0] * size, merged[-1][1])
        else:
            merged.append((size, strides))
    shape = tuple(size for size, _ in merged)
    return Walk(shape, tuple(tuple(strides[index] for _, strides in merged) for index in range(operands)))
