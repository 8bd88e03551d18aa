"""ReLU(x W' + b) of a single row, which no GEMM's epilogue does in PyTorch, and of several, which one does.

Sizes are those of FasterTransformer's decoder and BERT-base, and such that no vector width, warp or block divides.
"""

from harness.equality.families import ORDINARY, ROWLESS, VIEWS
from harness.equality.sizes import edge_sizes
from harness.suite import suite
from harness.sweep import Sweep
from kernels.activation import linear_relu as fused
from reference.activation import linear_relu as reference


@suite(
    fused=fused.linear_relu,
    reference=reference.linear_relu,
    launches=1,
    reduction=lambda case: case.inputs,
    sweep=Sweep(batch=1, inputs=512, outputs=2048)
    + Sweep(batch=1, inputs=768, outputs=3072)
    + Sweep(batch=1, inputs=(1, 24, 770, 1021), outputs=(1, 33))
    + Sweep(batch=(2, 8), inputs=512, outputs=2048),
    edges=Sweep(batch=1, inputs=edge_sizes(vector=8, block=128), outputs=37, dtype=("fp16", "bf16", "fp32")),
    far=Sweep(batch=1, inputs=1032, outputs=(1 << 22) + 5, dtype="fp16"),
    far_axis={"output": 1},
    families={
        "x": (*ORDINARY, "denormal", "infinite", "nan", *VIEWS, ROWLESS),
        "weight": (*ORDINARY, "denormal", "infinite", "nan", *VIEWS),
        "bias": (*ORDINARY, "near-overflow", "denormal", "infinite", "nan", "misaligned", "strided"),
    },
)
def linear_relu(case):
    """Normed hidden states, and a layer that leaves half of its outputs positive."""
    weight = case.randn(case.outputs, case.inputs, std=case.inputs**-0.5)
    return case.randn(case.batch, case.inputs), weight, case.randn(case.outputs, std=0.5)
