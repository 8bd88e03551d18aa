"""BERT-base's encoder layer: the plain PyTorch one against torch's GEMMs with fused kernels between them."""

from harness.equality.families import ROWLESS
from harness.suite import suite
from harness.sweep import Sweep
from kernels.encoder import layer as fused
from reference.encoder import layer as reference

HEADS, SIZE = 12, 64
HIDDEN, INNER = HEADS * SIZE, 3072


@suite(
    fused=fused.encoder_layer,
    reference=reference.encoder_layer,
    launches=12,
    reduction=INNER,
    sweep=Sweep(batch=(1, 8), seq=(32, 64, 128)) + Sweep(batch=3, seq=17),
    edges=Sweep(batch=2, seq=(9, 1), dtype=("fp32", "fp16", "bf16")),
    families={
        "x": ("uniform", "large", "alternating", "nan", "misaligned", "transposed", "strided", ROWLESS),
        "masked": ("mask-none", "mask-rows", "mask-all-but-one", ROWLESS),
    },
)
def encoder_layer(case):
    """Hidden states, padding, and weights scaled so that every layer's output keeps the variance of its input."""

    def linear(outputs, inputs):
        return case.randn(outputs, inputs, std=inputs**-0.5), case.randn(outputs, std=0.1)

    def norm():
        return case.randn(HIDDEN, mean=1.0, std=0.1), case.randn(HIDDEN, std=0.1)

    x, masked = case.randn(case.batch, case.seq, HIDDEN), ~case.mask()[:, None, None, :]
    attention = linear(3 * HIDDEN, HIDDEN), linear(HIDDEN, HIDDEN), norm()
    feed_forward = linear(INNER, HIDDEN), linear(HIDDEN, INNER), norm()
    return x, masked, HEADS, *attention, *feed_forward
