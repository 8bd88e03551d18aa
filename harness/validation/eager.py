"""One encoder layer as HuggingFace's BertLayer ran it in PyTorch 1.4, as operations of the host and launches.

In: dtype, batch, sequence length, a GPU. Out: the operations of one layer. The layer (transformers 2.5.1,
modeling_bert.py, in evaluation mode) runs on meta tensors through today's launch rules; what PyTorch 1.4 did otherwise
is put in its place:

- F.linear of a tensor of three dimensions is matmul, then an addition in place (torch/nn/functional.py): written so.
- matmul of four dimensions makes both operands contiguous, one sequence or many (LinearAlgebra.cpp; today reshape).
- Elementwise kernels are not vectorised: where operands are contiguous 512 threads with one element each, else 128
  threads with four elements one after the other (aten/src/ATen/native/cuda/CUDALoops.cuh, elementwise_kernel).
- LayerNorm is two kernels, RowwiseMomentsCUDAKernel and LayerNormForwardCUDAKernel (layer_norm_kernel.cu).
- No cuBLASLt, no fused attention: the layer asks for none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil, prod

import torch
from torch.nn import functional

from harness.timing.torch_launches.launch import Kernel, Launch
from harness.timing.torch_launches.recording import Recording
from harness.timing.torch_launches.rule import Rule
from harness.validation.fastertransformer import HEADS, HIDDEN, INNER, SECTOR_BYTES, WARP
from harness.validation.pipeline import Operation
from harness.vgpu.gpus import Gpu

DTYPES = {"fp32": torch.float32, "fp16": torch.float16}
FLAT_THREADS = 512  # launch_size_1d
STRIDED_ELEMENTS = 4  # launch_bound2
MOMENTS_THREADS, FORWARD_THREADS = 512, 256  # kCUDABlockReduceNumThreads, kCUDANumThreads


def layer(dtype: str, batch: int, seq: int, gpu: Gpu) -> list[Operation]:
    """The operations of one layer."""
    made = _zeros(DTYPES[dtype])
    x, mask = made(batch, seq, HIDDEN), made(batch, 1, seq, seq)
    square, wide, narrow = made(HIDDEN, HIDDEN), made(INNER, HIDDEN), made(HIDDEN, INNER)
    vector, long = made(HIDDEN), made(INNER)
    arguments = (x, mask, square, wide, narrow, vector, long)
    return operations_of(lambda: bert_layer(*arguments), gpu)


def operations_of(function: Callable[[], object], gpu: Gpu) -> list[Operation]:
    """What PyTorch 1.4 would do where `function` calls torch's operators."""
    made: list[Operation] = []

    def add(rule: Rule, launches: Sequence[Launch]) -> None:
        made.append(Operation(rule.cost, tuple(earlier for launch in launches for earlier in as_in_1_4(launch))))

    with torch.no_grad(), Recording(gpu, add):
        function()
    return made


def bert_layer(
    x: torch.Tensor,
    mask: torch.Tensor,
    square: torch.Tensor,
    wide: torch.Tensor,
    narrow: torch.Tensor,
    vector: torch.Tensor,
    long: torch.Tensor,
) -> torch.Tensor:
    """BertLayer.forward: BertSelfAttention, BertSelfOutput, BertIntermediate, BertOutput; all weights are the same."""
    query, key, value = (_heads(_linear(x, square, vector)) for _ in range(3))
    scores = _matmul(query, key.transpose(-1, -2)) / math.sqrt(HIDDEN // HEADS)
    shares = torch.softmax(scores + mask, dim=-1)
    context = _matmul(shares, value).permute(0, 2, 1, 3).contiguous().view(x.shape)
    attended = functional.layer_norm(_linear(context, square, vector) + x, (HIDDEN,), vector, vector)
    widened = functional.gelu(_linear(attended, wide, long))
    return functional.layer_norm(_linear(widened, narrow, vector) + attended, (HIDDEN,), vector, vector)


def as_in_1_4(launch: Launch) -> Sequence[Launch]:
    """What PyTorch 1.4 launched where today's PyTorch makes this launch."""
    if not isinstance(launch, Kernel):
        return [launch]
    if launch.name.startswith("vectorized_elementwise_kernel"):
        return [_flat(launch)]
    if launch.name.startswith("elementwise_kernel"):
        return [_strided(launch)]
    if launch.name == "vectorized_layer_norm_kernel":
        return _layer_norm(launch)
    return [launch]


def _flat(launch: Kernel) -> Kernel:
    """One element a thread: as many requests of 32 elements as operands have."""
    elements = prod(launch.grid) * prod(launch.block) * _ELEMENTS_TODAY
    width = int(launch.name.split("<")[1].split(",")[0])
    traffic = launch.traffic
    loads, stores = traffic.load_requests * width, traffic.store_requests * width
    warps = ceil(elements / WARP)
    return replace(
        launch,
        name=launch.name.replace(f"vectorized_elementwise_kernel<{width}", f"elementwise_kernel<{FLAT_THREADS}, 1"),
        grid=(ceil(elements / FLAT_THREADS), 1, 1),
        block=(FLAT_THREADS, 1, 1),
        traffic=replace(traffic, load_requests=loads, store_requests=stores),
        instructions=launch.instructions
        | {"int": 8 * warps + 2 * (loads + stores), "memory": loads + stores, "control": 2 * warps},
        load_rounds=1,
    )


def _strided(launch: Kernel) -> Kernel:
    """Four elements a thread, each loaded, computed and stored before the next."""
    elements = prod(launch.grid) * prod(launch.block) * int(launch.name.split(",")[1])
    grid = (ceil(elements / (prod(launch.block) * STRIDED_ELEMENTS)), 1, 1)
    return replace(launch, grid=grid, load_rounds=STRIDED_ELEMENTS)


_ELEMENTS_TODAY = 8  # of a thread of vectorized_elementwise_kernel


def _layer_norm(launch: Kernel) -> Sequence[Kernel]:
    """Moments, then the normalised row: the input is read twice."""
    rows, columns, item = launch.grid[0], HIDDEN, launch.traffic.dram_write // (launch.grid[0] * HIDDEN)
    nbytes, warps = rows * columns * item, rows * columns // WARP
    sectors = nbytes // SECTOR_BYTES
    once = replace(launch.traffic, dram_read=nbytes, dram_write=0, sectors_read=sectors, sectors_written=0,
                   load_requests=warps, store_requests=0)  # fmt: skip
    both = replace(once, dram_write=nbytes, sectors_read=4 * sectors, sectors_written=sectors,
                   load_requests=5 * warps, store_requests=warps)  # fmt: skip
    cost = {"fp32": 8 * warps, "int": 6 * warps, "control": warps}
    shuffles = {"memory": warps, "shared": 40 * rows * MOMENTS_THREADS // WARP}  # two sums over the block
    moments = Kernel("RowwiseMomentsCUDAKernel", (rows, 1, 1), (MOMENTS_THREADS, 1, 1), once,
                     cost | shuffles, load_rounds=2, waits=40)  # fmt: skip
    forward = Kernel("LayerNormForwardCUDAKernel", (rows, 1, 1), (FORWARD_THREADS, 1, 1), both,
                     cost | {"memory": 6 * warps}, load_rounds=columns // FORWARD_THREADS)  # fmt: skip
    return [moments, forward]


def _linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return torch.matmul(x, weight.t()).add_(bias)


def _matmul(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Of four dimensions: both made contiguous, then bmm."""
    batched = [tensor.contiguous().view(-1, *tensor.shape[-2:]) for tensor in (left, right)]
    return torch.bmm(*batched).view(*left.shape[:-1], right.shape[-1])


def _heads(x: torch.Tensor) -> torch.Tensor:
    """transpose_for_scores."""
    return x.view(*x.shape[:-1], HEADS, HIDDEN // HEADS).permute(0, 2, 1, 3)


def _zeros(dtype: torch.dtype) -> Callable[..., torch.Tensor]:
    return lambda *shape: torch.empty(shape, dtype=dtype, device="meta")
