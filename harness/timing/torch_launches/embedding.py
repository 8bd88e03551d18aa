"""Gradients of embeddings: rows of the gradient added up where the table's row is the same.

Read from aten/src/ATen/native/cuda/Embedding.cu (embedding_dense_backward_cuda: one kernel for up to 3,072 indices,
else they are sorted) and EmbeddingBackwardKernel.cu.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import torch

from harness.timing.torch_launches import cub, movement, pointwise
from harness.timing.torch_launches.functors import FILL
from harness.timing.torch_launches.launch import Launch
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Rule
from harness.timing.torch_launches.sweep import nbytes, sweep
from harness.vgpu.gpus import Gpu

_SOURCE = "aten/src/ATen/native/cuda/Embedding.cu"
_FEW = 3072
_WARP, _DOWN = 32, 16  # BLOCKDIMY
_PARTIAL = 10  # NROWS_PER_THREAD


def rules() -> dict[str, Rule]:
    return {"embedding_dense_backward": Rule(_backward, _SOURCE)}


def _backward(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    gradient, indices, table = call["grad_output"], call["indices"], call.output
    before = [launch for tensor in (indices, gradient) for launch in movement.made_contiguous(tensor, gpu)]
    zeroed = pointwise.kernel(FILL, table, [], gpu)
    if indices.numel() == 0:
        return zeroed
    if indices.numel() <= _FEW and not call["scale_grad_by_freq"]:
        grid, block = (ceil(table.size(-1) / _WARP), 1, 1), (_WARP, _DOWN, 1)
        name = "embedding_backward_feature_kernel"
        moved = nbytes(gradient)
        one = sweep(name, gradient.numel(), read=moved + nbytes(indices), written=moved, fp32=1, grid=grid, block=block)
        return [*before, *zeroed, *one]
    return [
        *before,
        *_ordered(indices, scaled=call["scale_grad_by_freq"], gpu=gpu),
        *zeroed,
        *_segments(gradient, indices, table),
    ]


def _ordered(indices: torch.Tensor, *, scaled: bool, gpu: Gpu) -> list[Launch]:
    """Indices and their places, sorted; how often each occurs, where gradients are divided by it."""
    count, size = indices.numel(), nbytes(indices)
    occurrences = cub.scan(count, 2 * size, size, by_key=True) * 2 if scaled else []
    return [
        *sweep("elementwise_kernel_with_index<arange>", count, written=size, integers=2, each=1),
        *cub.radix_sort(count, indices.element_size(), indices.element_size(), gpu),
        *occurrences,
    ]


def _segments(gradient: torch.Tensor, indices: torch.Tensor, table: torch.Tensor) -> list[Launch]:
    """embedding_backward_cuda_kernel: equal indices are a segment, which is added up in parts, then the parts."""
    count, size, columns = indices.numel(), nbytes(indices), table.size(-1)
    segments = min(count, table.size(0))
    parts = (count // _PARTIAL + segments) * columns
    whole = segments * columns * table.element_size()
    return [
        *cub.select(count, size, size),
        *sweep("krn_partials_per_segment", segments, read=size, written=8 * segments, block=(_WARP, 1, 1), each=1),
        *cub.scan(segments, 8 * segments, 8 * segments),
        *sweep("compute_num_of_partial_segments", 1, read=16, written=8, grid=(1, 1, 1), block=(1, 1, 1)),
        *sweep("krn_partial_segment_offset", segments, read=16 * segments, written=size, block=(_WARP, 1, 1), each=1),
        *sweep(
            "compute_grad_weight", parts, read=nbytes(gradient), written=4 * parts, fp32=1, block=(1024, 1, 1), each=1
        ),
        *sweep(
            "sum_and_scatter", segments * columns, read=4 * parts, written=whole, fp32=1, block=(1024, 1, 1), each=1
        ),
    ]
