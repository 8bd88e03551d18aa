"""The encoder layer of BERT-base: the plain PyTorch one against torch's GEMMs with fused kernels between them."""

from harness.suite import suite
from harness.sweep import Sweep
from kernels.encoder import layer as fused
from reference.encoder import layer as reference
from suites.encoder.layers import EDGES, FAMILIES, batch, layer, longest_sum


@suite(
    fused=fused.encoder_layer,
    reference=reference.encoder_layer,
    launches=8,
    reduction=longest_sum,
    sweep=Sweep(batch=(1, 8), seq=(32, 64, 128), heads=12, size=64)
    + Sweep(batch=3, seq=17, heads=4, size=32)
    + Sweep(batch=2, seq=33, heads=8, size=64),
    edges=EDGES,
    families=FAMILIES,
)
def encoder_layer(case):
    """Post-norm and GELU; attention in one launch."""
    return *batch(case), case.heads, *layer(case)
