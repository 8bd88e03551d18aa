"""Scaled dot-product attention: which back end runs, and what it launches, forward and backward.

Read from aten/src/ATen/native/transformers/cuda/sdp_utils.cpp (select_sdp_backend: flash, else memory-efficient, else
the operators of _scaled_dot_product_attention_math), attention.cpp, attention.cu and attention_backward.cu. cuDNN's
back end is not taken: PyTorch prefers it only on sm_90 and sm_100, with a cuDNN newer than 9.15
(check_prefer_cudnn_attention).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import torch

from harness.timing.torch_launches import matrix, pointwise
from harness.timing.torch_launches.composed import launches_of, twin
from harness.timing.torch_launches.functors import FILL
from harness.timing.torch_launches.launch import Launch, MatrixProduct
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Rule
from harness.timing.torch_launches.sweep import nbytes, sweep
from harness.vgpu.gpus import Gpu

SOURCE = "aten/src/ATen/native/transformers/cuda/sdp_utils.cpp"
_ATTENTION = "aten/src/ATen/native/transformers/cuda/attention"
BackEnd: TypeAlias = Literal["flash", "efficient", "math"]

_FLASH_HEAD, _FLASH_GRADIENT_HEAD = 256, 192  # largest head dimensions; the second on sm_86 and sm_89, with gradients
_FLASH_ALIGNMENT = 8  # head dimensions are padded to it
_MASK_ALIGNMENT = 8  # pad_bias: the mask's last dimension, 16 at once
_HALVES = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, slots=True)
class Attention:
    """The arguments that decide; `scale` is a kernel parameter."""

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    mask: torch.Tensor | None = None
    dropout: float = 0.0
    causal: bool = False


def rules() -> dict[str, Rule]:
    flash, efficient = "flash_fwd_kernel|flash_fwd_splitkv_kernel", "fmha_cutlassF"
    backward = "flash_bwd_dot_do_o_kernel flash_bwd_dq_dk_dv_loop_seqk_parallel_kernel flash_bwd_convert_dq_kernel"
    return {
        "_scaled_dot_product_flash_attention": Rule(_flash, _ATTENTION + ".cu", form=flash),
        "_flash_attention_forward": Rule(_flash, _ATTENTION + ".cu", form=flash),
        "_scaled_dot_product_efficient_attention": Rule(_efficient, _ATTENTION + ".cu", form=efficient),
        "_scaled_dot_product_flash_attention_for_cpu": Rule(_chosen, SOURCE),
        "_scaled_dot_product_flash_attention_backward": Rule(
            _flash_backward, _ATTENTION + "_backward.cu", form=backward
        ),
        "_scaled_dot_product_efficient_attention_backward": Rule(_efficient_backward, _ATTENTION + "_backward.cu"),
        "_scaled_dot_product_flash_attention_for_cpu_backward": Rule(_chosen_backward, _ATTENTION + "_backward.cu"),
    }


def back_end(attention: Attention, gpu: Gpu, *, gradients: bool = False) -> BackEnd:
    """select_sdp_backend, with every back end enabled but cuDNN's."""
    if _is_for_flash(attention, gpu, gradients):
        return "flash"
    return "efficient" if _is_for_efficient(attention, gpu) else "math"


def _is_for_flash(attention: Attention, gpu: Gpu, gradients: bool) -> bool:
    """can_use_flash_attention."""
    query, key, value = attention.query, attention.key, attention.value
    head = query.size(-1)
    limited = gradients and gpu.compute_capability in ((8, 6), (8, 9), (12, 0)) and head > _FLASH_GRADIENT_HEAD
    return (
        gpu.compute_capability >= (8, 0)
        and query.dtype in _HALVES
        and all(tensor.dim() == 4 and tensor.stride(-1) == 1 for tensor in (query, key, value))
        and attention.mask is None
        and head == key.size(-1) == value.size(-1) <= _FLASH_HEAD
        and not limited
        and not (attention.causal and query.size(-2) != key.size(-2))
        and min(query.size(-2), key.size(-2)) > 0
    )


def _is_for_efficient(attention: Attention, gpu: Gpu) -> bool:
    """can_use_mem_efficient_attention, minimum_gemm_alignment."""
    query, key, value = attention.query, attention.key, attention.value
    half = query.dtype in _HALVES
    newer = gpu.compute_capability >= (8, 0)
    alignment = 4 if newer else 1
    if newer or (half and gpu.compute_capability >= (7, 0)):
        alignment = max(alignment, 128 // (16 if half else 32))
    return (
        query.dtype in (torch.float16, torch.float32, *((torch.bfloat16,) if newer else ()))
        and all(tensor.dim() == 4 and tensor.stride(-1) == 1 for tensor in (query, key, value))
        and query.size(-1) == key.size(-1)
        and query.size(-1) % alignment == value.size(-1) % alignment == 0
        and min(query.size(-2), key.size(-2), query.size(-1), value.size(-1)) > 0
    )


def launches_of_attention(attention: Attention, gpu: Gpu) -> list[Launch]:
    """Of the back end that PyTorch chooses."""
    chosen = back_end(attention, gpu)
    if chosen == "math":
        return launches_of(lambda: _math(attention), gpu)
    before = _padded(attention, gpu) if chosen == "flash" else _prepared_mask(attention, gpu)
    name = "flash_fwd_kernel" if chosen == "flash" else "fmha_cutlassF"
    return [*before, fused(name, attention)]


def fused(name: str, attention: Attention, *, products: int = 2, times: int = 1) -> MatrixProduct:
    """One kernel with `products` products of the scores' size in it: `k` counts the head dimension so often."""
    query, key = attention.query, attention.key
    scores = matrix.product(name, query, key.transpose(-1, -2))
    mask = nbytes(attention.mask) if attention.mask is not None else 0
    moved = times * nbytes(query, key, attention.value, query) + mask
    return replace(scores, k=products * scores.k, dram_bytes=moved)


def _math(attention: Attention) -> Any:
    query, key, value, mask = (
        twin(tensor) for tensor in (attention.query, attention.key, attention.value, attention.mask)
    )
    math = torch.ops.aten._scaled_dot_product_attention_math.default
    return math(query, key, value, mask, attention.dropout, attention.causal)


def _padded(attention: Attention, gpu: Gpu) -> list[Launch]:
    """Head dimensions that are no multiple of eight are padded with zeros (pad_last_dim)."""
    missing = -attention.query.size(-1) % _FLASH_ALIGNMENT
    tensors = [twin(tensor) for tensor in (attention.query, attention.key, attention.value)] if missing else []

    def steps() -> None:
        for tensor in tensors:
            torch.constant_pad_nd(tensor, [0, missing])

    return launches_of(steps, gpu)


def _prepared_mask(attention: Attention, gpu: Gpu) -> list[Launch]:
    """A boolean mask becomes zeros and minus infinities; one whose rows are not aligned is padded (preprocess_mask)."""
    if attention.mask is None:
        return []
    mask, dtype = twin(attention.mask), attention.query.dtype

    def steps() -> None:
        added = mask
        if mask.dtype == torch.bool:
            lowest = torch.scalar_tensor(float("-inf"), dtype=dtype, device="meta")
            added = torch.where(mask, 0.0, lowest)
        missing = -added.size(-1) % _MASK_ALIGNMENT
        if missing:
            torch.constant_pad_nd(added, [0, -added.size(-1) % 16])

    return launches_of(steps, gpu)


def _of(call: OperatorCall) -> Attention:
    mask = call.arguments.get("attn_mask", call.arguments.get("attn_bias"))
    return Attention(call["query"], call["key"], call["value"], mask, call["dropout_p"], call["is_causal"])


def _flash(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    attention = _of(call)
    if call.name == "_flash_attention_forward":  # tokens before heads
        query, key, value = (call[name].transpose(1, 2) for name in ("query", "key", "value"))
        attention = Attention(query, key, value)
    return [*_padded(attention, gpu), fused("flash_fwd_kernel", attention)]


def _efficient(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    return [fused("fmha_cutlassF", _of(call))]


def _chosen(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    return launches_of_attention(_of(call), gpu)


def _chosen_backward(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """The back end is chosen by the forward arguments; gradients of the math one never arrive here as a whole."""
    attention = _of(call)
    if back_end(attention, gpu, gradients=True) == "flash":
        return _flash_backward(call, gpu)
    return _efficient_backward(call, gpu)


def _flash_backward(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """mha_bwd: row sums of gradient times result, the loop over keys, and the query's gradient made half again."""
    attention = _of(call)
    query = attention.query
    moved = nbytes(query)
    elements = query.numel()
    return [
        *sweep("flash_bwd_dot_do_o_kernel", elements, read=2 * moved, written=4 * elements, fp32=4),
        fused("flash_bwd_dq_dk_dv_loop_seqk_parallel_kernel", attention, products=5, times=2),
        *sweep("flash_bwd_convert_dq_kernel", elements, read=4 * elements, written=moved, fp32=2),
    ]


def _efficient_backward(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """_efficient_attention_backward: the workspace is zeroed; the kernel sums gradient times result itself."""
    attention = _of(call)
    workspace = torch.empty(attention.query.numel(), dtype=torch.float32, device="meta")
    return [*pointwise.kernel(FILL, workspace, [], gpu), fused("fmha_cutlassB", attention, products=5, times=2)]
