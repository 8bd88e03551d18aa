"""The decoding table predicted, never fitted: OpenNMT-py's beam search, with a fused decoder layer, and fused whole.

In: a published cell, a GPU, a host. Out: milliseconds of `seq` steps. A step is timed once, with half of the sequence
in the caches, since its times grow linearly. Assumed, where the README does not say: a memory as long as the sequence,
and no beam that ends early. Operator sequences are written down from the programs as published, not read from a trace:

- eager: TransformerDecoderLayer of OpenNMT-py 1.1 with its caches, then the generator, log-softmax and a beam search of
  about forty operators that reorders the caches and asks the device once a step whether all beams have ended;
- fused decoder: one call of the extension a layer, 15 launches, and the same beam search;
- fused decoding: 15 launches a layer and 10 a step from C++, and a copy of the flags a step (decoding_beamsearch.h).
"""

from __future__ import annotations

from math import ceil

import torch
from torch.nn import functional

from harness.timing.torch_launches.launch import Copy, Kernel, Launch
from harness.validation.eager import DTYPES, linear, matmul, operations_of
from harness.validation.fastertransformer import PRECISIONS, Precision, kernel, product
from harness.validation.parameters import tuned
from harness.validation.pipeline import Operation, shared, steady
from harness.validation.published import Cell
from harness.vgpu.gpus import Gpu
from harness.vgpu.hosts import Host

LAYERS, HEADS, HEAD_SIZE, VOCABULARY = 6, 8, 64, 31_538
HIDDEN, INNER = HEADS * HEAD_SIZE, 4 * HEADS * HEAD_SIZE
ATTENTION_THREADS = 256  # ATTENTION_BLOCK_SIZE of open_decoder.cu: a warp a key
LOGITS_THREADS = 1024  # update_logits_kernel
FLAGS_NBYTES = 4
TOP_K_THREADS, RADIX_BITS = 1024, 2  # TensorTopK.cu, SortingRadixSelect.cuh


def predicted(cell: Cell, gpu: Gpu, host: Host) -> dict[str, float]:
    """Milliseconds by column of the table."""
    rows, half = cell.batch * cell.beam, max(cell.seq // 2, 1)
    eager = eager_layer(cell.dtype, rows, half, cell.seq, gpu)
    fused = fused_layer(PRECISIONS[cell.dtype], rows, half, cell.seq)
    search = beam_search(cell.dtype, rows, cell.beam, half, gpu)
    called = [*_cache_extended(cell.dtype, rows, half, gpu), Operation("extension", fused)]
    inside = (*(launch for _ in range(LAYERS) for launch in fused), *fused_search(PRECISIONS[cell.dtype], rows, half))
    return {
        "pytorch_eager": _ms(cell, [*eager * LAYERS, *search], gpu, host),
        "fused_decoder": _ms(cell, [*called * LAYERS, *search], gpu, host),
        "fused_decoding": _ms(cell, [Operation(None, inside, waits=True)], tuned(gpu), host),
    }


def eager_layer(dtype: str, rows: int, cached: int, memory: int, gpu: Gpu) -> list[Operation]:
    """One layer at one step, `cached` tokens being known."""

    def made(*shape: int) -> torch.Tensor:
        return torch.empty(shape, dtype=DTYPES[dtype], device="meta")

    square, wide, narrow = made(HIDDEN, HIDDEN), made(INNER, HIDDEN), made(HIDDEN, INNER)
    vector, long = made(HIDDEN), made(INNER)
    cache, known = made(rows, HEADS, cached, HEAD_SIZE), made(rows, HEADS, memory, HEAD_SIZE)
    hidden = torch.empty((rows, 1, 1, memory), dtype=torch.bool, device="meta")

    def heads(x: torch.Tensor) -> torch.Tensor:
        return x.view(rows, -1, HEADS, HEAD_SIZE).transpose(1, 2)

    def attended(
        query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        scores = matmul(query / HEAD_SIZE**0.5, key.transpose(2, 3)).float()
        scores = scores if mask is None else scores.masked_fill(mask, -1e18)
        shares = torch.softmax(scores, -1).to(query.dtype)
        return linear(matmul(shares, value).transpose(1, 2).contiguous().view(rows, 1, HIDDEN), square, vector)

    def norm(x: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, (HIDDEN,), vector, vector)

    def layer() -> None:
        x = made(rows, 1, HIDDEN)
        normed = norm(x)
        query, key, value = (heads(linear(normed, square, vector)) for _ in range(3))
        grown = (torch.cat((cache, new), dim=2) for new in (key, value))
        x = attended(query, next(grown), next(grown), None) + x
        x = attended(heads(linear(norm(x), square, vector)), known, known, hidden) + x
        linear(functional.relu(linear(norm(x), wide, long)), narrow, vector) + x

    return operations_of(layer, gpu)


def beam_search(dtype: str, rows: int, beam: int, cached: int, gpu: Gpu) -> list[Operation]:
    """What follows the layers at one step, in torch, and the embedding before them."""

    def made(*shape: int, kind: torch.dtype = DTYPES[dtype]) -> torch.Tensor:
        return torch.empty(shape, dtype=kind, device="meta")

    batch, scores = rows // beam, made(rows, VOCABULARY, kind=torch.float32)

    def scored() -> None:
        words = made(rows, 1, kind=torch.long)
        x = functional.embedding(words, made(VOCABULARY, HIDDEN)) * HIDDEN**0.5 + made(1, 1, HIDDEN)
        x = functional.layer_norm(x, (HIDDEN,), made(HIDDEN), made(HIDDEN))
        logits = linear(x.squeeze(1), made(VOCABULARY, HIDDEN), made(VOCABULARY)).float()
        (torch.log_softmax(logits, -1) + made(rows, 1, kind=torch.float32)) / made(1, kind=torch.float32)

    def reordered() -> None:
        best, flat = made(batch, beam, kind=torch.float32), made(batch, beam, kind=torch.long)
        finished = made(batch, beam, kind=torch.bool)
        beams = flat // VOCABULARY
        chosen = (beams + made(batch, 1, kind=torch.long)).view(-1)
        tokens = flat.fmod(VOCABULARY).view(-1, 1)
        alive = made(rows, cached, kind=torch.long).index_select(0, chosen)
        torch.cat((alive, tokens), dim=-1)
        is_end = tokens.view(batch, beam).eq(2) | finished.gather(1, beams)
        best.masked_fill(is_end, -1e10) * made(1, kind=torch.float32)
        for _ in range(2 * LAYERS):
            made(rows, HEADS, cached, HEAD_SIZE).index_select(0, chosen)
            made(rows, HEADS, cached, HEAD_SIZE).index_select(0, chosen)
        is_end.all()

    return [
        *operations_of(scored, gpu),
        Operation("operator", (_top_k(batch, scores.numel() // batch),)),
        *operations_of(reordered, gpu),
        Operation("operator", (Copy("D2H", FLAGS_NBYTES),), waits=True),
    ]


def _top_k(slices: int, columns: int) -> Kernel:
    """gatherTopK of PyTorch 1.4: one block a slice, a pass for every two bits of the key, then two that gather."""
    each = ceil(columns / TOP_K_THREADS)
    passes = 32 // RADIX_BITS + 2
    return kernel("gatherTopK", slices, TOP_K_THREADS, loads=passes * each, stores=0, kept=(passes - 1) * each,
                  access=4, instructions=20 * passes * each, rounds=passes * each, waits=4 * passes)  # fmt: skip


def fused_layer(to: Precision, rows: int, cached: int, memory: int) -> tuple[Launch, ...]:
    """The 15 launches of FasterTransformer's decoder layer from its second step on (open_decoder.cu)."""
    square = product(to, rows, HIDDEN, HIDDEN)
    return (
        _norm(to, rows, 1),
        product(to, rows, HIDDEN, HIDDEN, 3),
        _attention(to, rows, cached),
        square,
        _norm(to, rows, 2),
        square,
        _attention(to, rows, memory),
        square,
        _norm(to, rows, 2),
        product(to, rows, INNER, HIDDEN),
        _elementwise(to, "add_bias_relu", rows * INNER),
        product(to, rows, HIDDEN, INNER),
        _elementwise(to, "add_bias_input", 2 * rows * HIDDEN),
        _elementwise(to, "from_tensor", rows * HIDDEN),
        _elementwise(to, "to_tensor", rows * HIDDEN),
    )


def fused_search(to: Precision, rows: int, cached: int) -> tuple[Launch, ...]:
    """The 10 launches of a step besides the layers (decoding_beamsearch.h)."""
    caches = 2 * LAYERS * rows * cached * HIDDEN
    small = [_elementwise(to, name, rows) for name in ("broadcast", "update", "finished")]
    return (
        _elementwise(to, "embedding_lookup", rows * HIDDEN),
        _elementwise(to, "sine_position_encoding", rows * HIDDEN),
        _norm(to, rows, 1),
        product(to, rows, VOCABULARY, HIDDEN),
        _over_the_vocabulary("update_logits_kernel", rows, passes=3),
        _over_the_vocabulary("topk", rows, passes=1),
        *small,
        _elementwise(to, "update_KV_cache_kernel", caches),
    )


def _norm(to: Precision, rows: int, inputs: int) -> Kernel:
    """decoder_norm: a block a row, an element a thread, two reductions over the block."""
    return kernel("decoder_norm", rows, HIDDEN, loads=inputs + 2, stores=inputs, kept=2, access=to.item,
                  instructions=130, special=1, rounds=2, waits=24)  # fmt: skip


def _attention(to: Precision, rows: int, keys: int) -> Kernel:
    """masked_attention_kernel_opt: a block a head, a warp takes key after key, for scores and then for values."""
    warps = ATTENTION_THREADS // 32
    each = ceil(keys / warps)
    return kernel("attention", rows * HEADS, ATTENTION_THREADS, loads=2 * keys / warps + 1, stores=0.3,
                  access=2 * to.item, instructions=60 + 40 * each, special=1, rounds=2 * each + 1,
                  waits=20)  # fmt: skip


def _elementwise(to: Precision, name: str, elements: int) -> Kernel:
    """An access a thread."""
    grid = ceil(elements / to.pair / 256)
    return kernel(name, grid, 256, loads=1, stores=1, access=to.item * to.pair, instructions=40)


def _over_the_vocabulary(name: str, rows: int, passes: int) -> Kernel:
    """A block a row of FP32 logits; what a pass wrote the next one reads from L2."""
    each = ceil(VOCABULARY / LOGITS_THREADS)
    again = (passes - 1) * each
    return kernel(name, rows, LOGITS_THREADS, loads=passes * each, stores=again, kept=again,
                  access=4, instructions=20 * passes * each, special=each, rounds=passes * each, waits=24)  # fmt: skip


def _cache_extended(dtype: str, rows: int, cached: int, gpu: Gpu) -> list[Operation]:
    """The extension's caches grow by a step in torch: zeros, then cat."""

    def extended() -> None:
        cache = torch.empty((2, cached, rows, HIDDEN), dtype=DTYPES[dtype], device="meta")
        torch.cat((cache, torch.zeros((2, 1, rows, HIDDEN), dtype=DTYPES[dtype], device="meta")), dim=1)

    return operations_of(extended, gpu)


def _ms(cell: Cell, step: list[Operation], gpu: Gpu, host: Host) -> float:
    return cell.seq * steady(shared(step), gpu, host).period / 1e6
