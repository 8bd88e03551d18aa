"""Padding removal and rebuild: any mask, and rows of any width."""

import torch

from harness.equality.families import MASKS, ORDINARY, ROWLESS
from harness.equality.sizes import edge_sizes
from harness.suite import suite
from harness.sweep import Sweep
from kernels.encoder import padding as fused
from reference.encoder import padding as reference


@suite(
    fused=fused.find_tokens,
    reference=reference.find_tokens,
    launches=1,
    sweep=Sweep(batch=(1, 8, 128), seq=(32, 128), dtype="fp32")
    + Sweep(batch=3, seq=(1, 37, 1371), dtype="fp32")
    + Sweep(batch=1, seq=(1, 4097), dtype="fp32"),  # one token alone in a step of the sum
    edges=Sweep(batch=5, seq=(33, 1, 819, 820), dtype="fp32"),
    families={"masked": (*MASKS, "misaligned", "strided", "transposed", ROWLESS)},
)
def find_tokens(case):
    """Padding at the end of sequences, and here and there in front of it."""
    padding = ~case.mask()[:, None, None, :]
    scattered = case.flags(case.batch, 1, 1, case.seq, share=0.1)
    scattered[..., -1:] = padding[..., -1:]
    return padding | scattered


@suite(
    fused=fused.take_rows,
    reference=reference.take_rows,
    launches=1,
    sweep=Sweep(batch=(1, 8), seq=(32, 128), hidden=768)
    + Sweep(batch=2, seq=33, hidden=(1, 31, 128, 770))
    + Sweep(batch=1, seq=32, hidden=8191),  # more tiles of columns than of rows, and two rows a thread
    edges=Sweep(batch=2, seq=33, hidden=edge_sizes(vector=8, block=128), dtype=("fp16", "bf16", "fp32")),
    far=Sweep(batch=65535 * 64, seq=1, hidden=1032, dtype="fp16"),
    families={
        "x": (*ORDINARY, "near-overflow", "denormal", "infinite", "nan", "misaligned", "strided", "transposed"),
        "index": ("misaligned", "strided", ROWLESS),
    },
)
def take_rows(case):
    """More rows out than in, in any order, some several times; every third or so is padding."""
    rows = min(case.tokens, 100)
    index = case.randint(case.tokens, low=-(rows // 2) - 1, high=rows)
    index[-1] = rows - 1
    return case.randn(rows, case.hidden), index.clamp(min=-1).to(torch.int32)


@suite(
    fused=fused.take_rows,
    reference=reference.take_rows,
    launches=1,
    sweep=Sweep(batch=3, seq=1, hidden=70001),
    edges=Sweep(batch=2, seq=1, hidden=8193, dtype=("fp16", "bf16", "fp32")),
    far=Sweep(batch=34, seq=1, hidden=(1 << 27) + 8, dtype="fp16"),
    far_axis={"x": 1, "output": 1},
    families={"x": ("uniform",)},
)
def take_wide_rows(case):
    """The last of few rows of very many columns, and padding."""
    return case.randn(case.batch, case.hidden), torch.tensor([case.batch - 1, -1], dtype=torch.int32)
