"""Random numbers: one kernel each, of as many blocks as fit on the GPU, and what is composed of them.

Read from aten/src/ATen/native/cuda/DistributionTemplates.h (calc_execution_policy, distribution_nullary_kernel),
Distributions.cpp of aten/src/ATen/native and Dropout.cu.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import torch

from harness.timing.torch_launches import pointwise
from harness.timing.torch_launches.composed import composed
from harness.timing.torch_launches.functors import FILL, Functor
from harness.timing.torch_launches.launch import Copy, Kernel, Launch
from harness.timing.torch_launches.operator import OperatorCall
from harness.timing.torch_launches.rule import Launches, Rule
from harness.timing.torch_launches.sweep import nbytes, sweep
from harness.vgpu.gpus import Gpu

_NATIVE = "aten/src/ATen/native/"
_CUDA = _NATIVE + "cuda/"
_BLOCK, _UNROLL = 256, 4
_ON_THE_HOST = 30_000  # randperm of fewer is made by the CPU and copied
DRAWN = "distribution_elementwise_grid_stride_kernel"
_DROPOUT_FORM = "fused_dropout_kernel_vec|(memcpy? elementwise+)"
DROPOUT = Functor("fused_dropout_kernel_vec", _CUDA + "Dropout.cu", 12)

# operators, source, FP32 and special-function instructions of a number
_DISTRIBUTIONS = {
    "uniform_ rand rand_like": ("DistributionUniform.cu", 20, 0),
    "normal_ randn randn_like normal": ("DistributionNormal.cu", 30, 3),
    "exponential_": ("DistributionExponentialKernel.cu", 26, 1),
    "log_normal_ cauchy_ geometric_": ("DistributionLogNormalKernel.cu", 34, 3),
    "random_ randint randint_like": ("DistributionRandomKernel.cu", 20, 0),
    "bernoulli_ bernoulli": ("DistributionBernoulli.cu", 20, 0),
}


def rules() -> dict[str, Rule]:
    drawn = {
        name: Rule(_drawn(fp32, sfu), _CUDA + source, form=f"{DRAWN}|bernoulli_tensor_cuda_kernel")
        for names, (source, fp32, sfu) in _DISTRIBUTIONS.items()
        for name in names.split()
    }
    return drawn | {
        "native_dropout": Rule(_native_dropout, _CUDA + "Dropout.cu", form=_DROPOUT_FORM),
        "multinomial": Rule(_multinomial, _NATIVE + "Distributions.cpp"),
        "randperm": Rule(_randperm, _CUDA + "Randperm.cu"),
        "_assert_async": Rule(_assert, _NATIVE + "cuda/TensorCompare.cu", form="_assert_async_cuda_kernel"),
        "poisson": Rule(_per_element("poisson_cuda_kernel"), _CUDA + "Distributions.cu", form="poisson_cuda_kernel"),
    }


def _drawn(fp32: int, sfu: int) -> Launches:
    def launches(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
        output, name = call.output, DRAWN
        chances = call.arguments.get("p", call["self"] if call.name == "bernoulli" else None)
        read = nbytes(chances) if isinstance(chances, torch.Tensor) else 0
        if read:
            name = "bernoulli_tensor_cuda_kernel"
        blocks = min(ceil(output.numel() / (_BLOCK * _UNROLL)), gpu.sms * (gpu.threads_per_sm // _BLOCK))
        return sweep(
            name, output.numel(), read=read, written=nbytes(output), integers=24, fp32=fp32, sfu=sfu,
            grid=(blocks, 1, 1), block=(_BLOCK, 1, 1),
        )  # fmt: skip

    return launches


def _per_element(name: str) -> Launches:
    def launches(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
        output = call.output
        return sweep(
            name, output.numel(), read=nbytes(*call.inputs), written=nbytes(output), integers=24, fp32=40, sfu=4
        )

    return launches


def dropped(source: torch.Tensor, result: torch.Tensor, gpu: Gpu) -> list[Launch]:
    """native_dropout: one kernel that writes the result and the mask (is_fused_kernel_acceptable)."""
    kernels = pointwise.kernel(DROPOUT, result, [source], gpu)
    masked = pointwise.kernel(FILL, torch.empty(result.shape, dtype=torch.bool, device="meta"), [], gpu)
    return [_with_mask(one, other) for one, other in zip(kernels, masked, strict=True)]


def _with_mask(kernel: Launch, mask: Launch) -> Kernel:
    """The kernel that writes the result, with the traffic of the mask added."""
    assert isinstance(kernel, Kernel)
    assert isinstance(mask, Kernel)
    return Kernel(
        DROPOUT.name, kernel.grid, kernel.block, kernel.traffic + mask.traffic, kernel.instructions, kernel.registers
    )


def _native_dropout(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """In training and with a chance below 1 the fused kernel; what is not trained is cloned, with a mask of ones."""
    source, chance = call["input"], call["p"]
    trained = call["train"] is None or call["train"]
    if trained and 0 < chance < 1:
        return dropped(source, call.outputs[0], gpu)
    return composed(_kept if not trained or chance == 0 else _lost)(call, gpu)


def _kept(call: OperatorCall) -> None:
    call["input"].clone()
    torch.ones_like(call["input"], dtype=torch.bool)


def _lost(call: OperatorCall) -> None:
    torch.zeros_like(call["input"])
    torch.zeros_like(call["input"], dtype=torch.bool)


def _multinomial(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """Without replacement, or of one sample: argmax or topk of p / Exp(1). Else rows are scanned and searched."""
    if not call["replacement"] or call["num_samples"] == 1:
        return composed(_race)(call, gpu)
    return [*composed(_normalised)(call, gpu), *_searched(call)]


def _race(call: OperatorCall) -> None:
    """multinomial_out: the checks do not wait for the device (_assert_async)."""
    chances, samples = call["self"], call["num_samples"]
    least, most = torch.aminmax(chances)
    torch.ops.aten._assert_async.msg((most < float("inf")) & (least >= 0), "")
    empty = chances.sum() == 0 if chances.dim() == 1 else (chances.sum(1) == 0).any()
    torch.ops.aten._assert_async.msg(~empty, "")
    raced = torch.div(chances, torch.empty_like(chances).exponential_())
    raced.argmax(-1, keepdim=True) if samples == 1 else raced.topk(samples)


def _normalised(call: OperatorCall) -> None:
    """multinomial_with_replacement_kernel_impl, MultinomialKernel.cu, of several rows."""
    chances = call["self"]
    if chances.dim() == 2 and chances.size(0) > 1:
        chances.clone()
    chances.cumsum(-1)


def _searched(call: OperatorCall) -> list[Launch]:
    output, chances = call.output, call["self"]
    rows = chances.numel() // chances.size(-1)
    normalise = sweep("renormRowsL1", chances.numel(), read=nbytes(chances), written=nbytes(chances), grid=(rows, 1, 1))
    search = sweep(
        "sampleMultinomialWithReplacement", output.numel(), read=nbytes(chances), written=nbytes(output), integers=60
    )
    return [*normalise, *search]


def _randperm(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    """Random keys, sorted with their places; keys that are equal are shuffled. Short ones come from the CPU."""
    output = call.output
    if output.numel() < _ON_THE_HOST:
        return [Copy("H2D", nbytes(output), waits=True)] if output.numel() else []
    return [
        *composed(_keys)(call, gpu),
        *sweep("randperm_handle_duplicate_keys_kernel", output.numel(), read=nbytes(output), block=(512, 1, 1), each=1),
    ]


def _keys(call: OperatorCall) -> None:
    count = call["n"]
    torch.arange(count, device="meta")
    keys = torch.empty(count, dtype=torch.long, device="meta").random_()
    keys.sort()


def _assert(call: OperatorCall, gpu: Gpu) -> Sequence[Launch]:
    return sweep("_assert_async_cuda_kernel", 1, read=1, grid=(1, 1, 1), block=(1, 1, 1))
