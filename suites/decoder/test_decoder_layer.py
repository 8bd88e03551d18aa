"""FasterTransformer's decoder layer at a step: plain PyTorch against torch's GEMMs with fused kernels between them.

Of the originals' launches (docs/decoder.md), 15 a layer and 17 at the first step, 11 and 12 are left.
"""

from harness.suite import suite
from harness.sweep import Sweep
from kernels.decoder import layer as fused
from kernels.decoder import stack as fused_stack
from reference.decoder import layer as reference
from reference.decoder import stack as reference_stack
from suites.decoder.layers import norm, weights

SIZE, MEMORY = 64, 20
DTYPES = ("fp32", "fp16", "bf16")


def rows_of(case):
    return case.batch * case.beams


def step(case, hidden):
    """Streams of all rows, off centre, and what the norm before made of them."""
    return case.randn(rows_of(case), hidden, mean=0.2, std=2.0), case.randn(rows_of(case), hidden)


def ancestors(case):
    if case.beams == 1:
        return None
    return case.randint(case.batch, case.beams, case.seq, low=0, high=case.beams, bits=32)


def lengths(case):
    """Of memories: from one position to all."""
    return case.randint(case.batch, low=1, high=MEMORY + 1, bits=32)


@suite(
    fused=fused.decoder_layer,
    reference=reference.decoder_layer,
    launches=11,
    reduction=lambda case: 4 * case.heads * SIZE,
    writes=("keys", "values"),
    sweep=Sweep(batch=(1, 32), seq=64, beams=1, heads=8) + Sweep(batch=8, seq=33, beams=4, heads=(8, 12)),
    edges=Sweep(batch=2, seq=(9, 1), beams=2, heads=8, dtype=DTYPES),
    families={
        "x": ("uniform", "large", "alternating", "nan", "misaligned", "strided"),
        "normed": ("uniform", "alternating", "nan", "misaligned", "strided"),
        "keys": ("uniform", "alternating"),
        "values": ("uniform", "alternating"),
    },
)
def decoder_layer(case):
    """The stream and its norm, caches up to this step, a memory's keys and values, weights, the next layer's norm."""
    hidden, shape = case.heads * SIZE, (rows_of(case), case.heads, case.seq + 2, SIZE)
    cache = (case.randn(*shape)[:, :, : case.seq] for _ in range(2))
    memory = case.randn(case.batch, MEMORY, 2, case.heads, SIZE).unbind(2)
    return (
        *step(case, hidden), *cache, *memory, lengths(case), weights(case, hidden), norm(case, hidden), ancestors(case),
    )  # fmt: skip


@suite(
    fused=fused.first_decoder_layer,
    reference=reference.first_decoder_layer,
    launches=12,
    reduction=lambda case: 4 * case.heads * SIZE,
    writes=("keys", "values"),
    sweep=Sweep(batch=(1, 32), beams=1, heads=8) + Sweep(batch=8, beams=4, heads=12),
    edges=Sweep(batch=2, beams=2, heads=8, dtype=DTYPES),
    families={
        "x": ("uniform", "large", "nan"),
        "memory": ("uniform", "large", "misaligned", "transposed"),
    },
)
def first_decoder_layer(case):
    """The first step: no history, and the keys and values of the encoder's output are computed."""
    hidden, shape = case.heads * SIZE, (rows_of(case), case.heads, 3, SIZE)
    cache = (case.randn(*shape)[:, :, :1] for _ in range(2))
    memory = case.randn(case.batch, MEMORY, hidden)
    return *step(case, hidden), *cache, memory, lengths(case), weights(case, hidden), norm(case, hidden)


@suite(
    fused=fused_stack.decoder_stack,
    reference=reference_stack.decoder_stack,
    launches=lambda case: 11 * case.layers,
    reduction=lambda case: 4 * case.heads * SIZE * case.layers,
    writes=("cache",),
    sweep=Sweep(batch=1, seq=8, beams=4, layers=6, heads=8),
    edges=Sweep(batch=1, seq=3, beams=2, layers=2, heads=8, dtype=DTYPES),
    families={"x": ("uniform", "large"), "normed": ("uniform",), "cache": ("uniform", "misaligned")},
)
def decoder_stack(case):
    """All layers of one step, with one cache for all of them."""
    hidden = case.heads * SIZE
    cache = case.randn(case.layers, 2, rows_of(case), case.heads, case.seq + 2, SIZE)[..., : case.seq, :]
    memories = [case.randn(case.batch, MEMORY, 2, case.heads, SIZE).unbind(2) for _ in range(case.layers)]
    layers = [weights(case, hidden) for _ in range(case.layers)]
    return *step(case, hidden), cache, memories, lengths(case), layers, norm(case, hidden), ancestors(case)
