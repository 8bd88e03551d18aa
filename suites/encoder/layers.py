"""What the suites of encoder layers share: inputs of which a layer keeps the variance, families, and edges."""

from harness.equality.families import ROWLESS
from harness.sweep import Sweep

FAMILIES = {  # not "large": the scores of the naive FP16 layer overflow, and there is nothing to compare with
    "x": ("uniform", "off-centre", "alternating", "nan", "misaligned", "transposed", "strided", ROWLESS),
    "masked": ("mask-none", "mask-rows", "mask-all-but-one", ROWLESS),
}
EDGES = Sweep(batch=2, seq=(9, 1), heads=4, size=32, dtype=("fp32", "fp16", "bf16"))


def layer(case):
    """The parameters of one layer of `case.heads` heads of `case.size`, its feed-forward layer four times as wide."""
    hidden = case.heads * case.size
    inner = 4 * hidden

    def linear(outputs, inputs):
        return case.randn(outputs, inputs, std=inputs**-0.5), case.randn(outputs, std=0.1)

    def norm():
        return case.randn(hidden, mean=1.0, std=0.1), case.randn(hidden, std=0.1)

    attention = linear(3 * hidden, hidden), linear(hidden, hidden), norm()
    feed_forward = linear(inner, hidden), linear(hidden, inner), norm()
    return *attention, *feed_forward


def batch(case):
    """Hidden states of a batch, and which of its tokens are padding."""
    return case.randn(case.batch, case.seq, case.heads * case.size), ~case.mask()[:, None, None, :]


def longest_sum(case):
    """Terms behind one output element: the second GEMM of the feed-forward layer."""
    return 4 * case.heads * case.size
