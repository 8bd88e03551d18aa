"""ReLU(x + bias) at the sizes of a Transformer's feed-forward layer, and at sizes that no vector width divides."""

from harness.equality.families import ORDINARY, ROWLESS, VIEWS
from harness.equality.sizes import edge_sizes
from harness.suite import suite
from harness.sweep import Sweep
from kernels.activation import bias_relu as fused
from reference.activation import bias_relu as reference


@suite(
    fused=fused.bias_relu,
    reference=reference.bias_relu,
    launches=1,
    sweep=Sweep(batch=(1, 8), seq=(32, 128), hidden=2048)
    + Sweep(batch=8, seq=32, hidden=(3072, 512))
    + Sweep(batch=1, seq=(33, 1), hidden=(31, 770, 1021))
    + Sweep(batch=1, seq=33, hidden=1)
    + Sweep(batch=1, seq=32, hidden=8191),  # more tiles of columns than of rows, and two rows a thread
    edges=Sweep(batch=1, seq=33, hidden=edge_sizes(vector=8, block=128), dtype=("fp16", "bf16", "fp32")),
    far=Sweep(batch=65535 * 64, seq=1, hidden=1032, dtype="fp16"),
    families={
        "x": (*ORDINARY, "near-overflow", "denormal", "infinite", "nan", *VIEWS, ROWLESS),
        "bias": (*ORDINARY, "denormal", "misaligned", "strided"),
    },
)
def bias_relu(case):
    """Hidden activations and their bias, which leaves some of every column positive."""
    return case.randn(case.tokens, case.hidden), case.randn(case.hidden, std=0.5)
