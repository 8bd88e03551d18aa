"""Self-attention in one launch: 12 heads of 64, 8 of 64, 4 of 32, any length, any mask, padded and packed."""

import torch

from harness.equality.families import FAR, MASKS, ROWLESS
from harness.suite import suite
from harness.sweep import Sweep
from kernels.attention import fused_attention as fused
from reference.attention import fused_attention as reference

DTYPES = ("fp16", "bf16", "fp32")
# Not "large" nor "off-centre": their scores overflow the naive FP16 chain, and there is nothing to compare with.
VALUES = ("uniform", "constant", "sorted", "alternating", "one-hot", "nan", "infinite")
FAMILIES = {
    "qkv": (*VALUES, "misaligned", "strided", "transposed", ROWLESS),
    "bias": ("uniform", "sorted", "misaligned", "strided"),
    "masked": (*MASKS, "misaligned", "strided", ROWLESS),
}


def joint(case, *tokens):
    """What the joint GEMM gives for these tokens, and its bias: scores have a spread of two."""
    cols = 3 * case.heads * case.size
    return case.randn(*tokens, cols), case.randn(cols)


@suite(
    fused=fused.fused_attention,
    reference=reference.fused_attention,
    launches=1,
    reduction=lambda case: max(case.seq, case.size),
    sweep=Sweep(batch=(1, 8), seq=(32, 128), heads=12, size=64)
    + Sweep(batch=2, seq=(40, 64), heads=4, size=32)
    + Sweep(batch=16, seq=72, heads=8, size=64),
    edges=Sweep(batch=2, seq=(40, 1, 129), heads=2, size=(64, 32, 128), dtype=DTYPES),
    far=Sweep(batch=43800, seq=128, heads=12, size=64, dtype="fp16")
    + Sweep(batch=22000, seq=128, heads=12, size=64, dtype="fp32"),
    families=FAMILIES,
)
def fused_attention(case):
    """The joint projection without its bias; padding is masked."""
    return *joint(case, case.batch, case.seq), ~case.mask()[:, None, None, :], case.heads


@suite(
    fused=fused.fused_attention,
    reference=reference.fused_attention,
    launches=1,
    reduction=lambda case: max(case.seq, case.size),
    sweep=Sweep(batch=2, seq=(1, 7, 33, 130, 300), heads=2, size=64) + Sweep(batch=1, seq=90, heads=3, size=32),
    edges=Sweep(batch=2, seq=(40, 31, 64, 65), heads=2, size=(64, 32), dtype=DTYPES),
    far=Sweep(batch=(1 << 18) + 1, seq=128, heads=1, size=32, dtype=("fp16", "fp32")),  # of 2^32 flags
    families={
        "qkv": ("uniform", "constant", "sorted", "nan", "misaligned", ROWLESS),
        "bias": ("uniform", "alternating"),
        "masked": (*MASKS, "misaligned", "transposed", ROWLESS),
    },
)
def fused_attention_own_masks(case):
    """Each query has a mask of its own: one keeps a single key, the last one, and one keeps none."""
    masked = case.flags(case.batch, 1, case.seq, case.seq, share=0.3)
    if case.family != FAR:  # the same few flags mapped over and over, which nobody may write to
        masked[0, 0, 0, :] = True
        masked[0, 0, 0, -1] = False
        masked[-1, 0, -1, :] = True
    return *joint(case, case.batch, case.seq), masked, case.heads


@suite(
    fused=fused.packed_attention,
    reference=reference.packed_attention,
    launches=1,
    reduction=lambda case: max(case.seq, case.size),
    sweep=Sweep(batch=(3, 8), seq=(128, 50), heads=12, size=64) + Sweep(batch=5, seq=70, heads=4, size=32),
    edges=Sweep(batch=3, seq=(40, 1, 129), heads=2, size=(64, 32), dtype=DTYPES),
    families={"qkv": (*VALUES, "misaligned", "strided"), "bias": ("sorted", "misaligned", "strided")},
)
def packed_attention(case):
    """Sequences of the lengths that a batch with padding has, one behind the other, without the padding."""
    lengths = case.lengths()
    offsets = torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)
    return *joint(case, int(offsets[-1])), offsets, case.seq, case.heads
