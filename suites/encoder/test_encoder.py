"""Stacks of encoder layers over padded batches, and over their valid tokens alone."""

from harness.equality.families import ROWLESS
from harness.suite import suite
from harness.sweep import Sweep
from kernels.encoder import encoder as fused
from reference.encoder import encoder as reference
from suites.encoder.layers import batch, layer, longest_sum


@suite(
    fused=fused.encoder,
    reference=reference.encoder,
    launches=lambda case: 8 * case.layers,
    reduction=longest_sum,
    sweep=Sweep(batch=2, seq=32, heads=4, size=32, layers=12),
    edges=Sweep(batch=2, seq=(9, 1), heads=4, size=32, layers=2, dtype=("fp32", "fp16", "bf16")),
    families={"x": ("alternating", "nan", ROWLESS), "masked": ("mask-none", ROWLESS)},
)
def encoder(case):
    """Twelve layers, each with parameters of its own."""
    return *batch(case), case.heads, [layer(case) for _ in range(case.layers)]


@suite(
    fused=fused.effective_encoder,
    reference=reference.effective_encoder,
    launches=lambda case: 3 + 8 * case.layers,
    reduction=longest_sum,
    sweep=Sweep(batch=8, seq=32, heads=4, size=32, layers=12) + Sweep(batch=8, seq=64, heads=12, size=64, layers=1),
    edges=Sweep(batch=3, seq=(9, 1), heads=4, size=32, layers=2, dtype=("fp32", "fp16", "bf16")),
    families={
        "x": ("alternating", "misaligned"),
        "masked": ("mask-none", "mask-rows", "misaligned"),
    },
)
def effective_encoder(case):
    """A padded batch; what comes out at padding is zero on both sides."""
    return *batch(case), case.heads, [layer(case) for _ in range(case.layers)]
