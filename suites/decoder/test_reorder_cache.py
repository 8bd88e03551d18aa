"""The caches of all layers after a beam search's choice: FasterTransformer's 6 layers of 8 heads of 64, and others."""

from harness.equality.families import ORDINARY, ROWLESS
from harness.suite import suite
from harness.sweep import Sweep
from kernels.decoder import reorder_cache as fused
from reference.decoder import reorder_cache as reference

DTYPES = ("fp16", "bf16", "fp32")
FAMILIES = (*ORDINARY, "near-overflow", "denormal", "infinite", "nan", "misaligned", "transposed", ROWLESS)


@suite(
    fused=fused.reorder_cache,
    reference=reference.reorder_cache,
    launches=1,
    writes=("out",),
    sweep=Sweep(batch=1, seq=32, beams=4, stack=12, heads=8, size=64, room=2)
    + Sweep(batch=3, seq=7, beams=5, stack=2, heads=3, size=(64, 7), room=2)
    + Sweep(batch=4, seq=1, beams=4, stack=64, heads=32, size=7, room=1)  # several runs a thread, in blocks that are
    + Sweep(batch=1, seq=1, beams=4, stack=64, heads=32, size=256, room=1),  # higher than wide, and wider than high
    edges=Sweep(batch=2, seq=5, beams=3, stack=3, heads=3, size=(24, 1, 7, 64, 130), room=2, dtype=DTYPES),
    # Offsets beyond 2^32, more than 2^31 runs, strides beyond 2^31; a grid's last block has the last run of all.
    far=Sweep(batch=2, seq=2, beams=2, stack=65535 * 65, heads=1, size=128, room=2, dtype="fp16")
    + Sweep(batch=2, seq=1, beams=2, stack=65535 * 32 * 257, heads=1, size=1, room=2, dtype="fp16")
    + Sweep(batch=2, seq=2, beams=2, stack=2, heads=2, size=8, room=(1 << 28) + 5, dtype="fp16"),
    families={"source": FAMILIES, "out": FAMILIES},
)
def reorder_cache(case):
    """Keys and values of all layers up to a step, in a cache with room for more; parents in any order."""
    shape = (case.stack, case.batch * case.beams, case.heads, case.seq + case.room, case.size)
    parents = case.randint(case.batch, case.beams, low=0, high=case.beams)
    source, out = (case.randn(*shape)[..., : case.seq, :] for _ in range(2))
    return source, parents, out
