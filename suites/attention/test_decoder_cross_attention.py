"""One step of attention to the encoder's output: 8 and 12 heads of 64, memories of any length, shared by beams."""

from harness.equality.families import ORDINARY, VIEWS
from harness.suite import suite
from harness.sweep import Sweep
from kernels.attention import decoder_cross_attention as fused
from reference.attention import decoder_cross_attention as reference

DTYPES = ("fp16", "bf16", "fp32")
VALUES = (*ORDINARY, "near-overflow", "denormal", "infinite", "nan")


@suite(
    fused=fused.decoder_cross_attention,
    reference=reference.decoder_cross_attention,
    launches=1,
    reduction=lambda case: max(case.seq, case.size),
    sweep=Sweep(batch=(1, 32), seq=128, beams=1, heads=8, size=64)
    + Sweep(batch=8, seq=128, beams=4, heads=8, size=64)
    + Sweep(batch=3, seq=33, beams=3, heads=12, size=64)
    + Sweep(batch=2, seq=(1, 5), beams=6, heads=2, size=64)
    + Sweep(batch=3, seq=9, beams=2, heads=2, size=20, dtype="fp32")
    + Sweep(batch=1, seq=9, beams=2, heads=1, size=520, dtype="fp16"),  # several vectors a lane
    edges=Sweep(batch=3, seq=(37, 1, 33, 257), beams=(3, 1), heads=3, size=(64, 7, 72, 520), dtype=DTYPES),
    far=Sweep(batch=(1 << 22) + 3, seq=1, beams=1, heads=16, size=64, dtype="fp16"),
    families={
        "query": (*VALUES, *VIEWS),
        "bias": (*ORDINARY, "denormal", "misaligned"),
        "keys": (*ORDINARY, "near-overflow", "denormal", "misaligned", "transposed"),
        # Not NaN or infinite: the reference multiplies padding by 0, the kernel does not read it.
        "values": (*ORDINARY, "near-overflow", "denormal", "misaligned", "transposed"),
    },
)
def decoder_cross_attention(case):
    """Queries with their bias, and a memory whose keys and values one GEMM has made; of three, the last is empty."""
    hidden = case.heads * case.size
    keys, values = case.randn(case.batch, case.seq, 2, case.heads, case.size, std=1.5).unbind(2)
    lengths = case.lengths().int()
    if case.batch == 3:
        lengths[-1] = 0
    return case.randn(case.batch * case.beams, hidden, std=1.5), case.randn(hidden, std=0.5), keys, values, lengths


@suite(
    fused=fused.decoder_cross_attention,
    reference=reference.decoder_cross_attention,
    launches=1,
    reduction=lambda case: max(case.seq, case.size),
    sweep=Sweep(batch=2, seq=5, beams=2, order=("heads-first", "positions-first"), room=3, heads=2, size=64),
    edges=Sweep(batch=2, seq=5, beams=2, order="heads-first", room=3, heads=2, size=64, dtype=DTYPES),
    far=Sweep(
        batch=2, seq=5, beams=2, order=("heads-first", "positions-first"), room=(1 << 25) + 5, heads=2, size=64,
        dtype="fp16",
    ),
    families={"query": ("uniform", "large")},
)  # fmt: skip
def decoder_cross_attention_strided(case):
    """Memories laid out otherwise: a head's positions together, or a position's batches, with room for more."""
    hidden = case.heads * case.size
    if case.order == "heads-first":
        shape = (case.batch, case.heads, case.seq + case.room, case.size)
        memory = [case.randn(*shape)[:, :, : case.seq].transpose(1, 2) for _ in range(2)]
    else:
        shape = (case.seq, case.batch + case.room, case.heads, case.size)
        memory = [case.randn(*shape)[:, : case.batch].transpose(0, 1) for _ in range(2)]
    return case.randn(case.batch * case.beams, hidden), case.randn(hidden, std=0.5), *memory, case.lengths().int()
