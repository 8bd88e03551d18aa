"""Reductions through gpu_reduce_kernel: one kernel, and a memset of semaphores where blocks share an output.

Read from aten/src/ATen/native/cuda/Reduce.cuh (setReduceConfig, ReduceConfig, launch_reduce_kernel).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import torch

from harness.timing.torch_launches.iteration import SECTOR_BYTES, WARP
from harness.timing.torch_launches.launch import Kernel, Launch, Memset, Traffic
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.pointwise import copied
from harness.timing.torch_launches.rule import Launches, Rule
from harness.vgpu.gpus import Gpu

FORM = "memset? reduce"
_CASTS = ("sum", "nansum", "prod", "mean", "linalg_vector_norm", "norm")  # make_reduction_from_out_ty, ReduceOpsUtils.h
_CUDA = "aten/src/ATen/native/cuda/"
_MAX_THREADS = 512
_VECTOR = 4

# operator: (what is computed, source, FP32 instructions an element)
_REDUCTIONS = {
    "sum": ("sum_functor", _CUDA + "ReduceSumProdKernel.cu", 1),
    "prod": ("prod_functor", _CUDA + "ReduceSumProdKernel.cu", 1),
    "mean": ("MeanOps", _CUDA + "ReduceMomentKernel.cu", 1),
    "var": ("WelfordOps", _CUDA + "ReduceMomentKernel.cu", 6),
    "std": ("WelfordOps", _CUDA + "ReduceMomentKernel.cu", 6),
    "var_mean": ("WelfordOps", _CUDA + "ReduceMomentKernel.cu", 6),
    "std_mean": ("WelfordOps", _CUDA + "ReduceMomentKernel.cu", 6),
    "nansum": ("nansum_functor", _CUDA + "ReduceSumProdKernel.cu", 2),
    "amax": ("MaxOps", _CUDA + "ReduceMaxValuesKernel.cu", 1),
    "amin": ("MinOps", _CUDA + "ReduceMinValuesKernel.cu", 1),
    "max": ("MaxOps", _CUDA + "TensorCompare.cu", 2),
    "min": ("MinOps", _CUDA + "TensorCompare.cu", 2),
    "argmax": ("ArgMaxOps", _CUDA + "ReduceArgMaxKernel.cu", 2),
    "argmin": ("ArgMinOps", _CUDA + "ReduceArgMinKernel.cu", 2),
    "any": ("or_kernel_cuda", _CUDA + "ReduceLogicKernel.cu", 1),
    "all": ("and_kernel_cuda", _CUDA + "ReduceLogicKernel.cu", 1),
    "aminmax": ("MinMaxOps", _CUDA + "ReduceAMinMaxKernel.cu", 2),
    **dict.fromkeys(("linalg_vector_norm", "norm"), ("NormTwoOps", _CUDA + "ReduceNormKernel.cu", 2)),
}


@dataclass(frozen=True, slots=True)
class ReduceConfig:
    """How the reduction is split: the block, blocks over outputs, blocks over the inputs of one output."""

    block_width: int
    block_height: int
    grid: int
    blocks_per_output: int


def rules() -> dict[str, Rule]:
    """One rule a reduction; `max` and `min` of two tensors never arrive here (they are maximum and minimum)."""
    return {
        name: Rule(_launches_of(functor, fp32), source, form=f"elementwise? {FORM}" if name in _CASTS else FORM)
        for name, (functor, source, fp32) in _REDUCTIONS.items()
    }


def configure(inputs: int, outputs: int, fastest: bool, gpu: Gpu, output_vector: int = 1) -> ReduceConfig:
    """setReduceConfig: `inputs` values an output; `fastest` where the reduced dimension is the contiguous one."""
    dim0, dim1 = (inputs, outputs) if fastest else (outputs, inputs)
    if fastest and inputs > 128 and outputs == 1:
        dim0 //= _VECTOR
    elif not fastest:
        dim0 //= output_vector
    most = _MAX_THREADS // output_vector
    dim0_power, dim1_power = (_last_power(dim) if dim < most else most for dim in (dim0, dim1))
    width = min(dim0_power, WARP)
    height = min(dim1_power, most // width)
    width = min(dim0_power, most // height)

    step_input, step_output = (width, 1) if fastest else (1, width)
    across_warps = ceil(inputs / step_input) >= min(height * 16, 256)
    if across_warps:
        step_input *= height
    else:
        step_output *= height
    grid = ceil(outputs / output_vector / step_output)
    values = ceil(inputs / step_input)
    target = gpu.sms * (gpu.threads_per_sm // (width * height))
    split = 1
    if across_warps and values >= 256 and grid <= target:
        split = max(min(ceil(target / grid), ceil(values / 16)), ceil(values / 256))
    return ReduceConfig(width, height, grid, split)


def _launches_of(functor: str, fp32: int) -> Launches:
    def launches(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
        source, output = call.inputs[0], call.output
        cast = _cast(source, output) if call.name in _CASTS else source
        before = [] if cast is source else copied(source, cast, gpu)
        return [*before, *reduce_launches(functor, fp32, cast, _axes(call, source), call.outputs, gpu)]

    return launches


def _cast(source: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    """The input in the result's dtype, except that halves are added up as floats by the kernel itself."""
    halves = source.dtype in (torch.float16, torch.bfloat16) and output.dtype == torch.float32
    if source.dtype == output.dtype or halves:
        return source
    return torch.empty_strided(source.shape, source.stride(), dtype=output.dtype, device="meta")


def reduce_launches(
    functor: str, fp32: int, source: torch.Tensor, axes: Sequence[int], outputs: Sequence[torch.Tensor], gpu: Gpu
) -> list[Launch]:
    """Kernel and, with several blocks an output, the memset before it."""
    count = outputs[0].numel()
    if source.numel() == 0 or count == 0:
        return []
    fastest = _fastest_axis(source) in axes or count == 1
    vector = 1 if fastest else next(width for width in (4, 2, 1) if count % width == 0)
    config = configure(source.numel() // count, count, fastest, gpu, vector)
    name = f"reduce_kernel<{_MAX_THREADS // vector}, {vector}, {functor}>"
    grid = (config.grid, config.blocks_per_output, 1)
    launches: list[Launch] = []
    if config.blocks_per_output > 1:
        launches.append(Memset(4 * config.grid))  # semaphores
    traffic = _traffic(source, outputs)
    warps = ceil(source.numel() / WARP)
    instructions = {"fp32": (fp32 + 1) * warps, "int": 2 * warps, "memory": traffic.load_requests, "control": warps}
    launches.append(
        Kernel(name, grid, (config.block_width, config.block_height, 1), traffic, instructions, registers=40)
    )
    return launches


def _axes(call: OperatorCall, source: torch.Tensor) -> list[int]:
    """The reduced axes: all of them where the operator names none."""
    named = call.arguments.get("dim")
    if named is None or named == []:
        return list(range(source.dim()))
    return [axis % max(source.dim(), 1) for axis in ([named] if isinstance(named, int) else named)]


def _fastest_axis(source: torch.Tensor) -> int:
    axes = [axis for axis in range(source.dim()) if source.size(axis) != 1]
    return min(axes, key=source.stride, default=0)


def _traffic(source: torch.Tensor, outputs: Sequence[torch.Tensor]) -> Traffic:
    read = source.numel() * source.element_size()
    written = sum(output.numel() * output.element_size() for output in outputs)
    return Traffic(
        dram_read=read,
        dram_write=written,
        sectors_read=ceil(read / SECTOR_BYTES),
        sectors_written=ceil(written / SECTOR_BYTES),
        load_requests=ceil(source.numel() / (WARP * _VECTOR)),
        store_requests=ceil(sum(output.numel() for output in outputs) / WARP),
    )


def _last_power(value: int) -> int:
    return 1 << (max(value, 1).bit_length() - 1)
