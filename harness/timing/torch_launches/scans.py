"""Prefix scans: along the last axis, along an outer one, or over one row alone, which is CUB's.

Read from aten/src/ATen/native/cuda/ScanUtils.cuh (scan_dim, scan_innermost_dim, scan_outer_dim) and ScanKernels.cpp.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import torch

from harness.timing.torch_launches import cub, movement
from harness.timing.torch_launches.launch import Launch
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Rule
from harness.timing.torch_launches.sweep import nbytes, sweep
from harness.vgpu.gpus import Gpu

_CUDA = "aten/src/ATen/native/cuda/"
_THREADS_POWER, _FEWEST_POWER = 9, 4  # get_log_num_threads_x_inner_scan: 512 threads, rows by at least 16
_FORM = "memcpy?|elementwise? (DeviceScanInitKernel DeviceScanKernel)|tensor_kernel_scan"


def rules() -> dict[str, Rule]:
    plain = {"cumsum": "CumsumKernel.cu", "cumprod": "CumprodKernel.cu", "logcumsumexp": "LogcumsumexpKernel.cu"}
    indexed = {"cummax": "CumminmaxKernel.cu", "cummin": "CumminmaxKernel.cu"}
    return {
        **{name: Rule(_scan, _CUDA + source, form=_FORM) for name, source in plain.items()},
        **{name: Rule(_scan_with_indices, _CUDA + source) for name, source in indexed.items()},
    }


def _scan(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """Input of another dtype than the result is cast first (cumsum of integers or with a dtype)."""
    source, output = call["self"], call.output
    if source.numel() == 0:
        return []
    if source.dim() == 0:
        return movement.copied(source, output, gpu)
    cast = torch.empty(source.shape, dtype=output.dtype, device="meta")
    before = (
        movement.copied(source, cast, gpu) if source.dtype != output.dtype else movement.made_contiguous(source, gpu)
    )
    axis = call["dim"] % source.dim()
    if cast.numel() == cast.size(axis):
        return [*before, *cub.scan(cast.numel(), nbytes(cast), nbytes(output))]
    return [*before, *_rows(cast, axis, nbytes(output), "")]


def _scan_with_indices(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    source = call["self"]
    if source.numel() == 0:
        return []
    if source.dim() == 0:
        return [launch for output in call.outputs for launch in movement.copied(output, output, gpu)]
    before = movement.made_contiguous(source, gpu)
    return [*before, *_rows(source, call["dim"] % source.dim(), nbytes(*call.outputs), "_with_indices")]


def _rows(source: torch.Tensor, axis: int, written: int, kind: str) -> list[Launch]:
    row = source.size(axis)
    if axis == source.dim() - 1:
        rows = source.numel() // row
        across = _threads_power(rows, row)
        grid, block = (ceil(rows / (512 >> across)), 1, 1), (1 << across, 512 >> across, 1)
        name, integers = f"tensor_kernel_scan_innermost_dim{kind}", 4 * (across + 2)
    else:
        outer, inner = source.shape[:axis].numel(), source.shape[axis + 1 :].numel()
        threads = min(512, inner)
        grid, block = (outer, ceil(inner / threads), 1), (threads, 1, 1)
        name, integers = f"tensor_kernel_scan_outer_dim{kind}", 4
    return sweep(
        name, source.numel(), read=nbytes(source), written=written, integers=integers, fp32=2, grid=grid, block=block
    )


def _threads_power(rows: int, row: int) -> int:
    """Threads along a row, as a power of two: their share of 512 is the row's share of the work."""
    difference = (row - 1).bit_length() - (rows - 1).bit_length()
    return min(max(_FEWEST_POWER, (_THREADS_POWER + difference) // 2), _THREADS_POWER)
