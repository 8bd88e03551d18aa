"""Words, positions and the first norm of a decoding step, at the sizes of a decoder of 8 heads of 64."""

from harness.equality.families import ORDINARY, ROWLESS, VIEWS
from harness.equality.sizes import edge_sizes
from harness.suite import suite
from harness.sweep import Sweep
from kernels.decoding import embedding as fused
from reference.decoding import embedding as reference

EPSILON = 1e-6


@suite(
    fused=fused.embed,
    reference=reference.embed,
    launches=1,
    reduction=lambda case: case.hidden,
    sweep=Sweep(batch=(1, 8, 32), beam=(1, 4), hidden=512, vocabulary=30000)
    + Sweep(batch=3, beam=2, hidden=(7, 31, 770, 1021), vocabulary=37),
    edges=Sweep(
        batch=2, beam=2, hidden=edge_sizes(vector=8, block=1024), vocabulary=33, dtype=("fp16", "bf16", "fp32")
    ),
    far=Sweep(batch=(1 << 23) + 1, beam=1, hidden=512, vocabulary=4099, dtype="fp16"),
    families={
        "tokens": ("misaligned", "strided", ROWLESS),
        "table": (*ORDINARY, "denormal", "infinite", "nan", *VIEWS),
        "positions": ("uniform", "large", "sorted", *VIEWS),
        "weight": ("large", "sorted", "one-hot", "misaligned"),
        "shift": ("large", "sorted", "denormal", "misaligned", "strided"),
    },
)
def embed(case):
    """Tokens with the first and the last word among them, and a position table of which one row is read."""
    tokens = case.randint(case.batch * case.beam, low=0, high=case.vocabulary)
    tokens[0], tokens[-1] = 0, case.vocabulary - 1
    size = case.hidden
    return (
        tokens,
        case.randn(case.vocabulary, size, std=size**-0.5),
        case.rand(5, size, low=-1.0),
        3,
        case.randn(size, mean=1.0, std=0.2),
        case.randn(size),
        EPSILON,
    )
