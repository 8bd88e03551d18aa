"""Operators on lists of tensors: chunks of many tensors in one kernel, as many kernels as their arguments need.

Read from aten/src/ATen/native/cuda/MultiTensorApply.cuh (multi_tensor_apply) with the limits of CUDA 13, and the files
that each rule names. Where PyTorch takes the slow path (can_use_fast_route, ForeachUtils.h), each tensor is an operator
of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

import torch

from harness.timing.torch_launches import pointwise
from harness.timing.torch_launches.composed import launches_of, twin
from harness.timing.torch_launches.functors import COPY, FILL, FUNCTORS
from harness.timing.torch_launches.launch import Kernel, Launch, Traffic
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Rule
from harness.timing.torch_launches.sweep import nbytes, sweep
from harness.vgpu.gpus import Gpu

_CUDA = "aten/src/ATen/native/cuda/"
_CHUNK, _BLOCK = 65_536, 512  # kChunkSize, kBlockSize
_MOST_TENSORS = (770, 448, 336, 252, 210)  # depth_to_max_tensors, by the number of lists
_MOST_BLOCKS = 2240  # depth_to_max_blocks
_TENSORS_A_CLEANUP = 400  # MAX_TENSORS_PER_KERNEL, foreach_reduce.cuh
_FORM = "multi_tensor_apply_kernel+|elementwise+"

# source, FP32 and special-function instructions an element; operators without "_foreach_"
_ELEMENTWISE = (
    ("ForeachBinaryOpList.cu", 1, 0, "add sub mul maximum minimum clamp_min clamp_max copy"),
    ("ForeachBinaryOpList.cu", 8, 1, "div pow"),
    ("ForeachPointwiseOp.cu", 3, 0, "addcmul addcdiv"),
    ("ForeachTernaryOp.cu", 3, 0, "lerp"),
    ("ForeachUnaryOp.cu", 1, 0, "neg abs sign trunc round floor ceil frac reciprocal zero"),
    ("ForeachUnaryOp.cu", 8, 1, "sqrt rsqrt exp expm1 log log1p log2 log10 sigmoid tanh sin cos erf erfc"),
)
# lists, FP32 and special-function instructions an element
_OPTIMIZERS = {
    "_fused_adam_": ("FusedAdamKernel.cu", 20, 2),
    "_fused_adamw_": ("FusedAdamWKernel.cu", 22, 2),
    "_fused_sgd_": ("FusedSgdKernel.cu", 6, 0),
    "_fused_adagrad_": ("FusedAdagradKernel.cu", 10, 2),
}
_LISTS = ("self", "grads", "exp_avgs", "exp_avg_sqs", "max_exp_avg_sqs", "momentum_buffer_list", "state_sums")


def rules() -> dict[str, Rule]:
    elementwise = {
        f"_foreach_{name}": Rule(_elementwise(name, fp32, sfu), _CUDA + source, form=_FORM)
        for source, fp32, sfu, names in _ELEMENTWISE
        for name in names.split()
    }
    optimizers = {
        name: Rule(_optimizer(fp32, sfu), _CUDA + source, form="multi_tensor_apply_kernel+")
        for name, (source, fp32, sfu) in _OPTIMIZERS.items()
    }
    scale = "_amp_foreach_non_finite_check_and_unscale_"
    return elementwise | optimizers | {
        "_foreach_norm": Rule(_norms, _CUDA + "ForeachReduceOp.cu"),
        "_foreach_max": Rule(_largest, _CUDA + "ForeachReduceOp.cu"),
        scale: Rule(_unscale, _CUDA + "AmpKernels.cu", form=_FORM),
        "_amp_update_scale_": Rule(_update_scale, _CUDA + "AmpKernels.cu", form="amp_update_scale_cuda_kernel"),
    }  # fmt: skip


def multi_tensor_apply(
    functor: str, lists: Sequence[Sequence[torch.Tensor]], written: int, fp32: int, sfu: int = 0
) -> list[Launch]:
    """One kernel until its tensors or its blocks are full; a tensor may go on in the next. `written` lists are."""
    most_tensors = _MOST_TENSORS[min(len(lists), len(_MOST_TENSORS)) - 1]
    launches: list[Launch] = []
    tensors = blocks = elements = 0

    def full() -> None:
        nonlocal tensors, blocks, elements
        launches.append(_apply(functor, lists, elements, blocks, written, fp32, sfu))
        tensors, blocks, elements = 0, 0, 0

    for tensor in lists[0]:
        chunks = ceil(tensor.numel() / _CHUNK)
        tensors += chunks > 0
        for chunk in range(chunks):
            blocks += 1
            last = chunk == chunks - 1
            elements += tensor.numel() - chunk * _CHUNK if last else _CHUNK
            if blocks == _MOST_BLOCKS or (last and tensors == most_tensors):
                full()
                tensors = 0 if last else 1
    if blocks:
        full()
    return launches


def _apply(
    functor: str, lists: Sequence[Sequence[torch.Tensor]], elements: int, blocks: int, written: int, fp32: int, sfu: int
) -> Kernel:
    items = [tensors[0].element_size() for tensors in lists]
    read, wrote = elements * sum(items), elements * sum(items[:1] * written)
    warps = ceil(elements / 32)
    traffic = Traffic(
        read, wrote, ceil(read / 32), ceil(wrote / 32), len(lists) * ceil(warps / 4), written * ceil(warps / 4)
    )
    instructions = {
        "fp32": fp32 * warps, "sfu": sfu * warps, "int": 4 * warps, "control": warps,
        "memory": traffic.load_requests + traffic.store_requests,
    }  # fmt: skip
    name = f"multi_tensor_apply_kernel<{functor}>"
    return Kernel(name, (blocks, 1, 1), (_BLOCK, 1, 1), traffic, instructions)


def _elementwise(name: str, fp32: int, sfu: int) -> Callable[[OperatorCall, Gpu], Sequence[Launch]]:
    def launches(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
        lists = [value for value in call.arguments.values() if _is_list_of_tensors(value)]
        if not lists:
            return []
        if not _fast(lists):
            return _one_by_one(name, lists, gpu)
        return multi_tensor_apply(call.name, lists, 1, fp32, sfu)

    return launches


def _one_by_one(name: str, lists: Sequence[Sequence[torch.Tensor]], gpu: Gpu) -> list[Launch]:
    functor = {"copy": COPY, "zero": FILL}.get(name) or FUNCTORS[name]
    rows = zip(*lists, strict=True)
    return [launch for row in rows for launch in pointwise.kernel(functor, row[0], row, gpu)]


def _fast(lists: Sequence[Sequence[torch.Tensor]]) -> bool:
    """can_use_fast_route: one dtype, equal shapes and strides across the lists, dense tensors."""
    if len({tensor.dtype for tensors in lists for tensor in tensors}) > 1:
        return False
    rows = zip(*lists, strict=True)
    return all(_is_dense(row[0]) and len({(one.shape, one.stride()) for one in row}) == 1 for row in rows)


def _is_dense(tensor: torch.Tensor) -> bool:
    return torch.ops.aten.is_non_overlapping_and_dense(tensor) if tensor.numel() else True


def _is_list_of_tensors(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, torch.Tensor) for item in value)


def _optimizer(fp32: int, sfu: int) -> Callable[[OperatorCall, Gpu], Sequence[Launch]]:
    """The steps are read through an address of their own; all lists but the gradients are written."""

    def launches(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
        lists = [call.arguments[name] for name in _LISTS if _is_list_of_tensors(call.arguments.get(name))]
        return multi_tensor_apply(call.name, lists, len(lists) - 1, fp32, sfu) if lists else []

    return launches


def _norms(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """Norms of chunks into zeroed partial results, then one block a tensor adds them."""
    tensors, order = call["self"], call["ord"]
    floating = all(tensor.is_floating_point() for tensor in tensors)
    if order not in (1, 2, float("inf")) or not floating or not _fast([tensors]):
        return [launch for tensor in tensors for launch in launches_of(_norm_of(twin(tensor), order), gpu)]
    return _reduced("LpNormFunctor", "lpnorm_cleanup", tensors, gpu)


def _norm_of(tensor: torch.Tensor, order: float) -> Callable[[], Any]:
    return lambda: torch.linalg.vector_norm(tensor, order)


def _largest(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    return _reduced("LpMaxFunctor", "lpmax_cleanup", call["self"], gpu)


def _reduced(functor: str, cleanup: str, tensors: Sequence[torch.Tensor], gpu: Gpu) -> list[Launch]:
    chunks = max(ceil(tensor.numel() / _CHUNK) for tensor in tensors)
    partial = torch.empty(len(tensors) * chunks, dtype=torch.float32, device="meta")
    sizes = range(0, len(tensors), _TENSORS_A_CLEANUP)
    groups = [min(_TENSORS_A_CLEANUP, len(tensors) - first) for first in sizes]
    return [
        *pointwise.kernel(FILL, partial, [], gpu),
        *multi_tensor_apply(functor, [tensors], 0, 2),
        *(
            launch
            for group in groups
            for launch in sweep(
                cleanup, group * chunks, read=nbytes(partial), written=4 * group, grid=(group, 1, 1), block=(512, 1, 1)
            )
        ),
    ]


def _unscale(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """One multi-tensor kernel for dense gradients of one dtype, an elementwise kernel for each other one."""
    gradients = call["self"]
    if _fast([gradients]):
        return multi_tensor_apply(call.name, [gradients], 1, 4)
    return [launch for tensor in gradients for launch in pointwise.kernel(FUNCTORS["mul"], tensor, [tensor], gpu)]


def _update_scale(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    return sweep("amp_update_scale_cuda_kernel", 1, read=12, written=8, grid=(1, 1, 1), block=(1, 1, 1))
