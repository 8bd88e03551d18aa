"""Sequences followed back from the last step of a beam search: whole numbers, equal to the last one."""

from harness.suite import suite
from harness.sweep import Sweep
from kernels.decoding import gather_tree as fused
from reference.decoding import gather_tree as reference

END = (1 << 33) + 2  # whatever 64 bits hold is a token


@suite(
    fused=fused.gather_tree,
    reference=reference.gather_tree,
    launches=1,
    sweep=Sweep(batch=(1, 32), beam=(1, 4), steps=(32, 128), stray=0, dtype="fp32")
    + Sweep(batch=5, beam=(3, 32, 33), steps=(1, 2, 7), stray=2, dtype="fp32"),
    edges=Sweep(batch=(43, 1, 128), beam=3, steps=9, stray=(2, 0), dtype="fp32"),
    far=Sweep(batch=(1 << 24) + 1, beam=32, steps=9, stray=0, dtype="fp32"),
    far_axis={"output": 1, "tokens": 1, "parents": 1, "lengths": 0},
    families={
        "tokens": ("misaligned", "strided", "transposed"),
        "parents": ("misaligned", "strided", "transposed"),
        "lengths": ("misaligned", "strided"),
    },
)
def gather_tree(case):
    """Few tokens, so that many sequences end early; lengths of a third and beyond the steps; parents that are none."""
    steps, batch, beams = case.steps, case.batch, case.beam
    tokens = case.randint(steps, batch, beams, low=END - 2, high=END + 10)
    parents = case.randint(steps, batch, beams, low=-case.stray, high=beams + case.stray)
    if case.stray:
        parents[parents > beams] = 1 << 32  # beam 0 for whoever takes 32 bits of it
    lengths = case.randint(batch, low=steps // 2, high=steps + 1)
    lengths[0], lengths[-1] = steps // 3, steps + 3
    return tokens, parents, lengths, END
