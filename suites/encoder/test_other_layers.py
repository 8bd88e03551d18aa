"""Other encoder layers: with ReLU in the launch of a GEMM, and with attention in five launches."""

from harness.equality.families import ROWLESS
from harness.suite import suite
from harness.sweep import Sweep
from kernels.encoder import layer as fused
from reference.encoder import layer as reference
from suites.encoder.layers import EDGES, batch, layer, longest_sum

FAMILIES = {"x": ("alternating", "nan", ROWLESS), "masked": ("mask-none", "mask-rows", ROWLESS)}


@suite(
    fused=fused.encoder_layer_relu,
    reference=reference.encoder_layer_relu,
    launches=7,
    reduction=longest_sum,
    sweep=Sweep(batch=(1, 8), seq=32, heads=8, size=64) + Sweep(batch=1, seq=1, heads=8, size=64),
    edges=EDGES,
    families=FAMILIES,
)
def encoder_layer_relu(case):
    """With ReLU in the launch of the GEMM before it; of a single token in that of a kernel of our own."""
    return *batch(case), case.heads, *layer(case)


@suite(
    fused=fused.encoder_layer_split,
    reference=reference.encoder_layer,
    launches=12,
    reduction=longest_sum,
    sweep=Sweep(batch=(1, 8), seq=32, heads=12, size=64),
    edges=EDGES,
    families=FAMILIES,
)
def encoder_layer_split(case):
    """Attention in five launches, as FasterTransformer 2.1 makes them: what fusing it is worth shows beside this."""
    return *batch(case), case.heads, *layer(case)
