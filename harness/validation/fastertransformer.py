"""One encoder layer as FasterTransformer 2.1 launches it: 8 GEMMs and 6 kernels, shapes and traffic by its source.

In: dtype, batch, sequence length. Out: the operations of one layer, as its PyTorch extension runs them: one call from
Python, 14 launches from C++, and two waits for the device. Read from NVIDIA/DeepLearningExamples, in
FasterTransformer/v2.1/fastertransformer: bert_encoder_transformer.h (forward), cuda/open_attention.cu
(multiHeadAttr_nofuse_kernelLauncher: launch shapes, and a cudaDeviceSynchronize after the bias kernel and at the end),
cuda/cuda_kernels.cu (the launchers of bias, activation and norm). Traffic follows from the kernels' indexing;
instructions a thread are estimates.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod

from harness.timing.torch_launches.launch import Kernel, MatrixProduct, Traffic
from harness.validation.pipeline import Operation

HEADS, HEAD_SIZE = 12, 64
HIDDEN, INNER = HEADS * HEAD_SIZE, 4 * HEADS * HEAD_SIZE
SECTOR_BYTES, WARP = 32, 32


@dataclass(frozen=True, slots=True)
class Precision:
    """`pair` elements are one access of a thread: half2 in FP16."""

    path: str
    item: int
    pair: int


PRECISIONS = {"fp32": Precision("fp32", 4, 1), "fp16": Precision("tensor", 2, 2)}


def layer(dtype: str, batch: int, seq: int) -> list[Operation]:
    """The operations of one layer."""
    to, tokens = PRECISIONS[dtype], batch * seq
    attention = batch * HEADS
    scores = product(to, seq, seq, HEAD_SIZE, attention)
    context = product(to, seq, HEAD_SIZE, seq, attention)
    square = product(to, tokens, HIDDEN, HIDDEN)
    return [
        Operation("extension", (square, square, square, _qkv_bias(to, tokens)), waits=True),
        Operation(None, (scores, _softmax(to, batch, seq), context, _transpose(to, tokens)), waits=True),
        Operation(None, (square, _norm(to, tokens))),
        Operation(None, (product(to, tokens, INNER, HIDDEN), _activation(to, tokens))),
        Operation(None, (product(to, tokens, HIDDEN, INNER), _norm(to, tokens))),
    ]


def product(to: Precision, m: int, n: int, k: int, batch: int = 1) -> MatrixProduct:
    """A GEMM without bias: operands and result once."""
    nbytes = batch * to.item * (m * k + k * n + m * n)
    return MatrixProduct(f"cublas_gemm {batch}x{m}x{n}x{k}", to.path, m, n, k, batch, to.item, nbytes)  # type: ignore[arg-type]


def kernel(
    name: str, grid: int, block: int, *, loads: float, stores: float, access: int, instructions: int,
    kept: float = 0, rounds: int = 1, waits: int = 0, special: int = 0,
) -> Kernel:  # fmt: skip
    """A kernel of `loads` and `stores` accesses of `access` bytes a thread, of which `kept` loads stay in L2.

    `instructions` are a thread's; those that compute count as integer and FP32 instructions, half each.
    """
    threads, warps = grid * block, grid * ceil(block / WARP)
    read, written = threads * access * loads, threads * access * stores
    counted = {
        "memory": round(warps * (loads + stores)),
        "int": round(warps * instructions / 2),
        "fp32": round(warps * instructions / 2),
        "sfu": warps * special,
    }
    traffic = Traffic(
        dram_read=round(threads * access * (loads - kept)),
        dram_write=round(written),
        sectors_read=ceil(read / SECTOR_BYTES),
        sectors_written=ceil(written / SECTOR_BYTES),
        load_requests=round(warps * loads),
        store_requests=round(warps * stores),
    )
    return Kernel(name, (grid, 1, 1), (block, 1, 1), traffic, counted, load_rounds=rounds, waits=waits)


def _qkv_bias(to: Precision, tokens: int) -> Kernel:
    """add_QKV_bias: FP32 a block a row of one matrix, FP16 of all three; four divisions for the layout."""
    if to.pair == 1:
        return kernel("add_QKV_bias", 3 * tokens, HIDDEN, loads=2, stores=1, kept=1, access=4, instructions=60)
    return kernel("add_QKV_bias", tokens, HIDDEN // 2, loads=6, stores=3, kept=3, access=4, instructions=90, rounds=3)


def _softmax(to: Precision, batch: int, seq: int) -> Kernel:
    """softmax_kernel_v3: a block a row; FP16 pairs from 34 keys on. The mask of a batch is read by every head."""
    paired = to.pair if seq > WARP else 1
    block = max(WARP, WARP * ceil(seq / paired / WARP))
    warps = block // WARP
    used = seq / paired / block  # lanes beyond the row do nothing
    reductions = 2 * (12 if warps == 1 else 24)
    return kernel(
        "softmax_kernel_v3", batch * HEADS * seq, block, loads=2 * used, stores=used, kept=used * (HEADS - 1) / HEADS,
        access=to.item * paired, instructions=reductions + 40, special=2, waits=10 + 2 * (0 if warps == 1 else 9),
    )  # fmt: skip


def _transpose(to: Precision, tokens: int) -> Kernel:
    """transpose: a block a row of a head, in FP16 four; four divisions for the layout."""
    rows = 1 if to.pair == 1 else 4
    grid, block = tokens * HEADS // rows, rows * HEAD_SIZE // to.pair
    return kernel("transpose", grid, block, loads=1, stores=1, access=4, instructions=50)


def _norm(to: Precision, tokens: int) -> Kernel:
    """add_bias_input_layernorm: a block a row; v2 with four accesses a thread, in FP16 from 512 rows on."""
    accesses = 4 if to.pair == 1 or tokens >= 512 else 1
    block = HIDDEN // to.pair // accesses
    return kernel(
        "add_bias_input_layernorm", tokens, block, loads=5 * accesses, stores=accesses, kept=3 * accesses, access=4,
        instructions=110 + 15 * accesses, special=1, rounds=2, waits=24,
    )  # fmt: skip


def _activation(to: Precision, tokens: int) -> Kernel:
    """add_bias_act: a block four rows, a thread four elements (FP16: two pairs) of each, one after the other."""
    columns = 4 // to.pair
    block = INNER // 4
    each = 4 * columns
    return kernel(
        "add_bias_act", ceil(tokens / 4), block, loads=each + columns, stores=each, kept=columns, access=4,
        instructions=each * 25 * to.pair, special=2 * each * to.pair, rounds=each,
    )  # fmt: skip


def launches(operations: list[Operation]) -> int:
    """How many launches the operations make."""
    return sum(len(operation.launches) for operation in operations)


def threads_of(made: Kernel) -> int:
    """Threads of a launch."""
    return prod(made.grid) * prod(made.block)
