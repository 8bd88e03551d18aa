"""One step of self-attention at the sizes of FasterTransformer's decoder: 8 and 12 heads of 64, alone and in beams."""

from harness.equality.families import ORDINARY, ROWLESS, VIEWS
from harness.suite import suite
from harness.sweep import Sweep
from kernels.attention import decoder_self_attention as fused
from reference.attention import decoder_self_attention as reference

DTYPES = ("fp16", "bf16", "fp32")
VALUES = (*ORDINARY, "near-overflow", "denormal", "infinite", "nan")
FAMILIES = {
    "qkv": (*VALUES, *VIEWS, ROWLESS),
    "bias": (*ORDINARY, "denormal", "misaligned"),
    "keys": (*VALUES, "minus-infinity", "minus-infinity-rows", "misaligned", "transposed", ROWLESS),
    "values": (*VALUES, "minus-infinity", "minus-infinity-rows", "misaligned", "transposed", ROWLESS),
}
ROOM = 3  # positions of the cache that no step has reached yet


def step(case, rows):
    """The joint GEMM's output with its bias, and caches that hold `seq` positions with the one to come."""
    hidden, shape = case.heads * case.size, (rows, case.heads, case.seq + ROOM, case.size)
    cache = [case.randn(*shape, std=1.5)[:, :, : case.seq] for _ in range(2)]
    return case.randn(rows, 3 * hidden, std=1.5), case.randn(3 * hidden, std=0.5), *cache


@suite(
    fused=fused.decoder_self_attention,
    reference=reference.decoder_self_attention,
    launches=1,
    reduction=lambda case: max(case.seq, case.size),
    writes=("keys", "values"),
    sweep=Sweep(batch=(1, 32), seq=64, heads=8, size=64)
    + Sweep(batch=2, seq=(1, 2, 129), heads=12, size=64)
    + Sweep(batch=3, seq=6, heads=2, size=20, dtype="fp32")
    + Sweep(batch=1, seq=6, heads=1, size=520, dtype="fp16"),  # several vectors a lane
    edges=Sweep(batch=2, seq=(37, 1, 33, 257), heads=3, size=(64, 7, 72, 520), dtype=DTYPES),
    far=Sweep(batch=(1 << 26) + 3, seq=1, heads=1, size=64, dtype="fp16"),
    families=FAMILIES,
)
def decoder_self_attention(case):
    """Rows with a history of their own."""
    return step(case, case.batch)


@suite(
    fused=fused.decoder_self_attention,
    reference=reference.decoder_self_attention,
    launches=1,
    reduction=lambda case: max(case.seq, case.size),
    writes=("keys", "values"),
    sweep=Sweep(batch=8, seq=64, beams=4, heads=8, size=64) + Sweep(batch=3, seq=9, beams=3, heads=2, size=64),
    edges=Sweep(batch=2, seq=37, beams=3, heads=3, size=64, dtype=DTYPES),
    families={
        "qkv": ("uniform", ROWLESS),
        "keys": ("nan", "infinite", ROWLESS),
        "values": ("nan", "infinite", ROWLESS),
        "ancestors": (ROWLESS,),
    },
)
def decoder_self_attention_beams(case):
    """Beams that descend from one another: every position of a history may be in another row."""
    ancestors = case.randint(case.batch, case.beams, case.seq + ROOM, low=0, high=case.beams, bits=32)
    return *step(case, case.batch * case.beams), ancestors


@suite(
    fused=fused.decoder_self_attention,
    reference=reference.decoder_self_attention,
    launches=1,
    reduction=lambda case: max(case.seq, case.size),
    writes=("keys", "values"),
    sweep=Sweep(batch=2, seq=5, beams=2, order=("heads-first", "steps-first"), room=3, heads=2, size=64),
    edges=Sweep(batch=2, seq=5, beams=2, order="steps-first", room=3, heads=2, size=64, dtype=DTYPES),
    far=Sweep(batch=2, seq=5, beams=2, order="heads-first", room=(1 << 28) + 5, heads=2, size=8, dtype="fp16")
    + Sweep(batch=2, seq=3, beams=2, order="steps-first", room=(1 << 28) + 5, heads=2, size=8, dtype="fp16"),
    families={"qkv": ("uniform", "large")},
)
def decoder_self_attention_strided(case):
    """Caches laid out otherwise: heads before rows, and a step's rows together, with room for more of them."""
    rows, hidden = case.batch * case.beams, case.heads * case.size
    if case.order == "heads-first":
        shape = (case.heads, rows, case.seq + case.room, case.size)
        cache = [case.randn(*shape)[:, :, : case.seq].transpose(0, 1) for _ in range(2)]
    else:
        shape = (case.seq, rows + case.room, case.heads, case.size)
        cache = [case.randn(*shape)[:, :rows].permute(1, 2, 0, 3) for _ in range(2)]
    table = case.randint(case.batch, case.beams, case.seq + 4 * case.room, low=0, high=case.beams, bits=32)
    return case.randn(rows, 3 * hidden), case.randn(3 * hidden, std=0.5), *cache, table[:, :, : case.seq]
