"""GELU(x + bias) at the sizes of BERT-base's feed-forward layer, and at sizes that no vector width divides."""

from harness.equality.families import ORDINARY, ROWLESS, VIEWS
from harness.equality.sizes import edge_sizes
from harness.suite import suite
from harness.sweep import Sweep
from kernels.activation import bias_gelu as fused
from reference.activation import bias_gelu as reference


@suite(
    fused=fused.bias_gelu,
    reference=reference.bias_gelu,
    launches=1,
    sweep=Sweep(batch=(1, 8, 32), seq=(32, 128), hidden=3072)
    + Sweep(batch=1, seq=(1, 33), hidden=(1, 31, 770, 1021))
    + Sweep(batch=1, seq=32, hidden=8191),  # more tiles of columns than of rows, and two rows a thread
    edges=Sweep(batch=1, seq=3, hidden=edge_sizes(vector=8, block=128), dtype=("fp16", "bf16", "fp32")),
    far=Sweep(batch=65535 * 64, seq=1, hidden=1032, dtype="fp16"),
    families={
        "x": (*ORDINARY, "near-overflow", "denormal", "infinite", "nan", *VIEWS, ROWLESS),
        "bias": (*ORDINARY, "denormal", "misaligned", "strided"),
    },
)
def bias_gelu(case):
    """Hidden activations and their bias; wide enough to reach both tails of GELU."""
    return case.randn(case.tokens, case.hidden, std=2.0), case.randn(case.hidden)
