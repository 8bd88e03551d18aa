"""softmax(scores * scale, masked) for BERT-base's 12 heads of 64, and for sequence lengths of every kind."""

from harness.equality.families import MASKS, ORDINARY, ROWLESS, VIEWS
from harness.equality.sizes import edge_sizes
from harness.suite import suite
from harness.sweep import Sweep
from kernels.attention import masked_softmax as fused
from reference.attention import masked_softmax as reference

SCALE = 64**-0.5
FAMILIES = {
    "scores": (*ORDINARY, "far-below", "near-overflow", "denormal", "minus-infinity", "minus-infinity-rows", "infinite",
               "nan", *VIEWS, ROWLESS),
    "masked": (*MASKS, *VIEWS, ROWLESS),
}  # fmt: skip


@suite(
    fused=fused.masked_softmax,
    reference=reference.masked_softmax,
    launches=1,
    reduction=lambda case: case.seq,
    sweep=Sweep(batch=(1, 8, 32), seq=(32, 64, 128), heads=12),
    edges=Sweep(batch=2, seq=40, heads=3, dtype=("fp16", "bf16", "fp32")),
    far=Sweep(batch=21846, seq=128, heads=12, dtype="fp16"),
    families=FAMILIES,
)
def masked_softmax(case):
    """Scores with the spread that 64 products of unit variance have; padding is masked."""
    scores = case.randn(case.batch, case.heads, case.seq, case.seq, std=8.0)
    return scores, ~case.mask()[:, None, None, :], SCALE


@suite(
    fused=fused.masked_softmax,
    reference=reference.masked_softmax,
    launches=1,
    reduction=lambda case: case.keys,
    sweep=Sweep(batch=2, seq=3, keys=(1, 7, 33, 300, 1021, 2047, 4096, 9001)) + Sweep(batch=1, seq=2, keys=32776),
    edges=Sweep(batch=2, seq=3, keys=(1024, *edge_sizes(vector=8, block=1024)), dtype=("fp16", "bf16", "fp32"))
    + Sweep(batch=2, seq=3, keys=9001, dtype=("fp16", "bf16", "fp32")),  # longer than a block's registers
    families=FAMILIES,
)
def masked_softmax_any_length(case):
    """Rows of any length under a mask of their own: one keeps a single key, one keeps none, one lies far below 0."""
    scores = case.randn(case.batch, 2, case.seq, case.keys, std=8.0)
    scores[0, -1, -1] -= 2000.0
    masked = case.rand(case.batch, 1, case.seq, case.keys) < 0.25
    masked[0, 0, 0, :] = True
    masked[0, 0, 0, -1] = False
    masked[-1, 0, -1, :] = True
    return scores, masked, SCALE


@suite(
    fused=fused.masked_softmax,
    reference=reference.masked_softmax,
    launches=1,
    reduction=lambda case: case.keys,
    sweep=Sweep(batch=(1, 3), seq=5, keys=(16, 9001)),
    edges=Sweep(batch=2, seq=(3, 1), keys=(24, 31), dtype=("fp16", "bf16", "fp32")),
    families={"scores": ("large", "off-centre", "far-below", "misaligned"), "masked": (*MASKS, "misaligned")},
    far=Sweep(batch=(1 << 21) + 1, seq=3, keys=1024, dtype="fp16")
    + Sweep(batch=(1 << 18) + 1, seq=3, keys=9001, dtype="fp16"),
)
def masked_softmax_own_mask(case):
    """Each query with a mask of its own, of more than 2^32 flags in all at the far sizes."""
    scores = case.randn(case.batch, 2, case.seq, case.keys, std=8.0)
    return scores, case.flags(case.batch, 1, case.seq, case.keys, share=0.25), SCALE
