"""The best continuations of a batch's beams: log-softmax, forced ends, scores and top-k, in one stage and in two."""

from functools import partial

from harness.equality.families import ORDINARY, ROWLESS
from harness.suite import suite
from harness.sweep import Sweep
from kernels.decoding import beam_search as fused
from reference.decoding import beam_search as reference
from suites.decoding import beams, replays

ALPHA = 0.6
LOGITS = (*ORDINARY, "denormal", "far-below", "minus-infinity", "minus-infinity-rows", "infinite", "nan")
FAMILIES = {
    "logits": (*LOGITS, "misaligned", "strided", "transposed", ROWLESS),
    "bias": ("uniform", "large", "sorted", "one-hot", "misaligned", "strided"),
    "scores": ("minus-infinity", "far-below", "misaligned", ROWLESS),
    "finished": ("mask-none", "mask-all", "mask-all-but-one", ROWLESS),
    "lengths": ("misaligned", ROWLESS),
}


_one_stage = partial(fused.beam_topk, stages=1)
_two_stages = partial(fused.beam_topk, stages=2)
SIZES = (
    Sweep(batch=3, beam=(3, 32), vocabulary=(33, 1021))
    + Sweep(batch=70, beam=1, vocabulary=(513, 4100))
    + Sweep(batch=2, beam=4, vocabulary=2)  # fewer tokens than beams
)
EDGES = Sweep(
    batch=4, beam=(4, 5), vocabulary=(1032, 1, 2, 7, 31, 32, 1023, 1025, 4097), dtype=("fp16", "bf16", "fp32")
)


def _inputs(case):
    """Logits with the spread of a trained model's, a third of the beams finished, and an end within the vocabulary."""
    logits, bias = beams.logits(case)
    return logits, bias, *beams.state(case), case.vocabulary // 3, ALPHA


@suite(
    fused=_two_stages,
    reference=reference.beam_topk,
    launches=2,
    reduction=lambda case: case.vocabulary,
    replay=replays.beam_topk,
    sweep=Sweep(batch=(1, 8), beam=(1, 4), vocabulary=30000) + SIZES + Sweep(batch=1, beam=2, vocabulary=140_001),
    edges=EDGES,
    far=Sweep(batch=(1 << 17) + 1, beam=4, vocabulary=8200, dtype="fp16"),
    families=FAMILIES,
)
def beam_topk(case):
    """Tiles of the vocabulary, then beams."""
    return _inputs(case)


@suite(
    fused=_one_stage,
    reference=reference.beam_topk,
    launches=1,
    reduction=lambda case: case.vocabulary,
    replay=replays.beam_topk,
    sweep=Sweep(batch=(1, 8), beam=(1, 4), vocabulary=2000) + SIZES,
    edges=EDGES,
    far=Sweep(batch=(1 << 17) + 1, beam=4, vocabulary=8200, dtype="fp16"),
    families={
        "logits": ("constant", "minus-infinity-rows", "nan", ROWLESS),
        "scores": (ROWLESS,),
        "finished": (ROWLESS,),
        "lengths": (ROWLESS,),
    },  # the rows are walked over as in two stages
)
def beam_topk_one_stage(case):
    """A block a batch."""
    return _inputs(case)
