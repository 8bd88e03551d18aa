"""Decoding whole: beam search, greedy search and sampling, from the encoder's output to sequences of tokens.

Tokens are not compared one by one: each side's choices are followed in FP64 (`suites.decoding.replays`), and must be
the best ones up to rounding, given those before. By default small models and few steps, for the vgpu computes on the
CPU; FasterTransformer's sizes: `--axis layers=6 --axis vocabulary=30000 --seq 32,64,128 --batch 1,32,64,128,256`.
"""

from harness.suite import suite
from harness.sweep import Sweep
from kernels.decoding import loop as fused
from reference.decoding import loop as reference
from suites.decoding import models, replays

ALPHA = 0.6
SMALL = {"layers": 2, "vocabulary": 500, "memory": 5}
CLOSE = 4 * models.HIDDEN  # terms behind a logit, a layer after another: the longest sum is that of the feed-forward


def _searched(case):
    """Each step; a GEMM a layer for the memory; 3 fills of the state and one more for several beams; 2 of the first
    tokens and of lengths; the tree."""
    around = 4 if case.beam * case.vocabulary > 1 << 14 else 3
    return case.seq * (11 * case.layers + around) + case.layers + 3 + (case.beam > 1) + 2 + 1


def _search_inputs(case, end_bias):
    return (models.model(case, end_bias), *models.encoded(case), models.START, models.END, case.beam, case.seq, ALPHA)


@suite(
    fused=fused.beam_search,
    reference=reference.beam_search,
    launches=_searched,
    reduction=CLOSE,
    replay=replays.loop,
    sweep=Sweep(batch=2, seq=5, beam=(1, 4), **SMALL),
    edges=Sweep(batch=(1, 3), seq=(2, 1), beam=(2, 1, 32), layers=1, vocabulary=(101, 33), memory=5, dtype="fp32"),
    families={"encoded": ("large",)},
)
def decoding(case):
    """The end never comes: every step is made."""
    return _search_inputs(case, -30.0)


@suite(
    fused=fused.beam_search,
    reference=reference.beam_search,
    reduction=CLOSE,
    replay=replays.loop,
    sweep=Sweep(batch=2, seq=12, beam=(4, 1), layers=1, vocabulary=101, memory=5, dtype="fp32"),
    edges=Sweep(batch=(2, 1), seq=12, beam=2, layers=1, vocabulary=33, memory=4, dtype="fp32"),
    families={"encoded": ("large",)},
)
def decoding_that_ends(case):
    """Sequences of different lengths, all finished before the last step: finished beams wait for the others."""
    return _search_inputs(case, 9.0)


def _sampled(case):
    """Each step; a GEMM a layer for the memory; 3 fills of the state and one of the first tokens."""
    return case.seq * (11 * case.layers + 3) + case.layers + 4


def _sample_inputs(case, keep):
    inputs = models.model(case), *models.encoded(case), models.START, models.END
    return (*inputs, case.rand(case.seq, case.batch).float(), keep, 0.8)


@suite(
    fused=fused.sample_by_top_k,
    reference=reference.sample_top_k,
    launches=_sampled,
    reduction=CLOSE,
    replay=replays.sampled_by_top_k,
    sweep=Sweep(batch=3, seq=5, **SMALL),
    edges=Sweep(batch=(2, 1), seq=3, layers=1, vocabulary=101, memory=5, dtype="fp32"),
    families={"uniforms": ("misaligned",)},
)
def decoding_top_k(case):
    """From the 4 most likely tokens."""
    return _sample_inputs(case, 4)


@suite(
    fused=fused.sample_by_top_p,
    reference=reference.sample_top_p,
    launches=_sampled,
    reduction=CLOSE,
    replay=replays.sampled_by_top_p,
    sweep=Sweep(batch=3, seq=5, **SMALL),
    edges=Sweep(batch=(2, 1), seq=3, layers=1, vocabulary=101, memory=5, dtype="fp32"),
    families={"uniforms": ("misaligned",)},
)
def decoding_top_p(case):
    """From the nucleus of six tenths."""
    return _sample_inputs(case, 0.6)
