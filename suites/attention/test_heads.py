"""The changes of layout around attention, for 12 heads of 64, for 4 of 32, and for sizes that no vector divides."""

from harness.equality.families import ROWLESS, VIEWS
from harness.suite import suite
from harness.sweep import Sweep
from kernels.attention import heads as fused
from reference.attention import heads as reference

SWEEP = (
    Sweep(batch=(1, 8), seq=(32, 128), heads=12, size=64)
    + Sweep(batch=8, seq=32, heads=4, size=32)
    + Sweep(batch=3, seq=5, heads=(1, 3), size=(1, 6, 7, 20))
)
EDGES = Sweep(batch=3, seq=(11, 1), heads=3, size=(24, 1, 7, 33, 129), dtype=("fp16", "bf16", "fp32"))
FAR = Sweep(batch=65535 * 2, seq=32, heads=8, size=136, dtype="fp16") + Sweep(
    batch=65535 * 64, seq=1, heads=1026, size=1, dtype="fp16"
)  # tokens that leave no row of blocks idle; more than 2^32 elements, and more than 2^32 matrices


@suite(
    fused=fused.bias_split_heads,
    reference=reference.bias_split_heads,
    launches=1,
    sweep=SWEEP,
    edges=EDGES,
    far=FAR,
    far_axis={"output": 1},
    families={
        "qkv": ("large", "near-overflow", "denormal", "infinite", "nan", *VIEWS, ROWLESS),
        "bias": ("large", "denormal", "misaligned", "strided"),
    },
)
def bias_split_heads(case):
    """The joint projection of queries, keys and values, and its bias."""
    cols = 3 * case.heads * case.size
    return case.randn(case.batch, case.seq, cols), case.randn(cols), case.heads


@suite(
    fused=fused.merge_heads,
    reference=reference.merge_heads,
    launches=1,
    sweep=SWEEP,
    edges=EDGES,
    far=FAR,
    families={"context": ("near-overflow", "denormal", "infinite", "nan", *VIEWS, ROWLESS)},
)
def merge_heads(case):
    """What the heads have attended to."""
    return (case.randn(case.batch, case.heads, case.seq, case.size),)
