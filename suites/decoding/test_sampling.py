"""Tokens drawn with given uniforms from the most likely ones, top-k and top-p.

No far sizes: the vgpu runs a kernel with atomics in a loop in ascending order, so its first blocks cannot run alone.
"""

from harness.equality.families import ORDINARY, ROWLESS
from harness.suite import suite
from harness.sweep import Sweep
from kernels.decoding import sampling as fused
from reference.decoding import sampling as reference
from suites.decoding import replays

TEMPERATURE = 0.8
SWEEP = Sweep(batch=(1, 8), vocabulary=30000)
EDGES = Sweep(batch=6, vocabulary=(264, 1, 2, 7, 31, 33, 255, 257, 2047, 2049, 4101), dtype=("fp16", "bf16", "fp32"))
FAMILIES = {
    "logits": (*ORDINARY, "denormal", "far-below", "minus-infinity", "minus-infinity-rows", "infinite", "nan",
               "misaligned", "strided", ROWLESS),
    "bias": ("uniform", "large", "sorted", "misaligned"),
    "uniforms": ("misaligned", "strided", ROWLESS),
    "scores": ("minus-infinity", ROWLESS),
    "finished": ("mask-none", "mask-all", ROWLESS),
    "lengths": ("misaligned", ROWLESS),
}  # fmt: skip


def _fused(sample):
    def sampled(logits, bias, uniforms, scores, finished, lengths, end, keep, temperature):
        rows = fused.Rows(scores, finished, lengths)
        tokens, after = sample(logits, bias, uniforms, rows, end, keep, temperature)
        return tokens, *after

    return sampled


def _inputs(case, keep):
    """Rows of which some are finished; uniforms with the lowest and the highest number that they can be."""
    logits = case.randn(case.batch, case.vocabulary, std=3.0)
    bias = case.randn(case.vocabulary)
    uniforms = case.rand(case.batch).float()
    uniforms[0] = 0.0 if case.batch > 1 else 0.375
    uniforms[-1] = 1 - 2**-24 if case.batch > 1 else 0.375
    scores = case.randn(case.batch, std=2.0).float() - 5.0
    finished = case.flags(case.batch, share=0.2)
    finished[0] = False
    finished[case.batch // 2] = case.batch > 2
    lengths = case.randint(case.batch, low=1, high=9, bits=32)
    return logits, bias, uniforms, scores, finished, lengths, case.vocabulary // 3, keep, TEMPERATURE


@suite(
    fused=_fused(fused.sample_top_k),
    reference=reference.sample_top_k,
    launches=1,
    reduction=lambda case: case.vocabulary,
    replay=replays.sample_top_k,
    sweep=SWEEP + Sweep(batch=3, vocabulary=1021, k=(1, 2, 1021, 5000)),
    edges=EDGES,
    families={"logits": ("constant", "large", "minus-infinity", "nan"), "bias": ("uniform",)},  # else as top-p
)
def sample_top_k(case):
    """The 40 most likely tokens, as GPT-2's samples."""
    return _inputs(case, int(case.axes.get("k", 40)))


@suite(
    fused=_fused(fused.sample_top_p),
    reference=reference.sample_top_p,
    launches=1,
    reduction=lambda case: case.vocabulary,
    replay=replays.sample_top_p,
    sweep=SWEEP + Sweep(batch=3, vocabulary=1021, percent=(1, 50, 99)),
    edges=EDGES,
    families=FAMILIES,
)
def sample_top_p(case):
    """The nucleus of nine tenths."""
    return _inputs(case, int(case.axes.get("percent", 90)) / 100)
