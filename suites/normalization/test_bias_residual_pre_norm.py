"""x + bias + residual and its LayerNorm, as a pre-norm layer needs them: usual sizes, and sizes nothing divides."""

from harness.equality.families import ORDINARY, ROWLESS, VIEWS
from harness.equality.sizes import edge_sizes
from harness.suite import suite
from harness.sweep import Sweep
from kernels.normalization import bias_residual_layer_norm as fused
from reference.normalization import bias_residual_layer_norm as reference


@suite(
    fused=fused.bias_residual_pre_norm,
    reference=reference.bias_residual_pre_norm,
    launches=1,
    reduction=lambda case: case.hidden,
    sweep=Sweep(batch=(1, 8), seq=(32, 128), hidden=512)
    + Sweep(batch=1, seq=33, hidden=(31, 128, 768, 1021))
    + Sweep(batch=1, seq=2, hidden=33000),
    edges=Sweep(batch=1, seq=3, hidden=edge_sizes(vector=8, block=1024), dtype=("fp16", "bf16", "fp32"))
    + Sweep(batch=1, seq=3, hidden=9001, dtype=("fp16", "bf16", "fp32")),  # longer than the registers of a block
    far=Sweep(batch=(1 << 22) + 1, seq=1, hidden=1024, dtype="fp16")
    + Sweep(batch=(1 << 19) + 1, seq=1, hidden=9001, dtype="fp16"),
    families={
        "x": (*ORDINARY, "denormal", "infinite", "nan", *VIEWS, ROWLESS),
        "residual": (*ORDINARY, "denormal", "infinite", *VIEWS, ROWLESS),
        "bias": (*ORDINARY, "denormal", "misaligned"),
        "weight": ("large", "sorted", "one-hot", "misaligned"),
        "shift": ("large", "sorted", "denormal", "misaligned", "strided"),
    },
)
def bias_residual_pre_norm(case):
    """The output of a GEMM, its bias, the residual stream (off centre), and the norm's weight and shift."""
    hidden = case.hidden
    return (
        case.randn(case.tokens, hidden),
        case.randn(hidden),
        case.randn(case.tokens, hidden, mean=0.5, std=2.0),
        case.randn(hidden, mean=1.0, std=0.2),
        case.randn(hidden),
    )
