"""A whole step of a beam search after the logits, and the update of its state alone."""

from harness.equality.families import ROWLESS
from harness.suite import suite
from harness.sweep import Sweep
from kernels.decoding import beam_search as fused
from reference.decoding import beam_search as reference
from suites.decoding import beams, replays

ALPHA = 0.6


def _fused(stages):
    def step(logits, bias, scores, finished, lengths, ancestors, step, end, alpha):
        chosen, after = fused.beam_step(
            logits, bias, fused.Beams(scores, finished, lengths, ancestors), step, end, alpha, stages
        )
        return *chosen, *after[:3], after.ancestors[..., : step + 1]

    return step


def _naive(logits, bias, scores, finished, lengths, ancestors, step, end, alpha):
    scores, tokens, parents = reference.beam_topk(logits, bias, scores, finished, lengths, end, alpha)
    vocabulary = logits.shape[-1]
    made = reference.beam_update(parents * vocabulary + tokens, finished, lengths, ancestors, vocabulary, step, end)
    return *made[:2], scores, *made[2:]


def _inputs(case):
    """Beams of which each step so far was computed by another one of the batch."""
    logits, bias = beams.logits(case)
    state = (*beams.state(case), beams.ancestors(case, case.step))
    return logits, bias, *state, case.step, case.vocabulary // 3, ALPHA


FAMILIES = {
    "logits": ("constant", "one-hot", "minus-infinity-rows", ROWLESS),
    "scores": ("minus-infinity", ROWLESS),
    "finished": ("mask-none", "mask-all", ROWLESS),
    "lengths": (ROWLESS,),
    "ancestors": ("misaligned", "strided", ROWLESS),
}
EDGES = Sweep(batch=3, beam=(4, 1, 31), vocabulary=(1032, 37), step=(2, 0, 65))


@suite(
    fused=_fused(2),
    reference=_naive,
    launches=2,
    reduction=lambda case: case.vocabulary,
    replay=replays.beam_step,
    sweep=Sweep(batch=(1, 8), beam=(1, 4), vocabulary=30000, step=7) + Sweep(batch=3, beam=32, vocabulary=101, step=5),
    edges=EDGES,
    families=FAMILIES,
)
def beam_step(case):
    """In two stages."""
    return _inputs(case)


@suite(
    fused=_fused(1),
    reference=_naive,
    launches=1,
    reduction=lambda case: case.vocabulary,
    replay=replays.beam_step,
    sweep=Sweep(batch=(1, 8), beam=(1, 4), vocabulary=2000, step=7) + Sweep(batch=3, beam=32, vocabulary=101, step=5),
    edges=EDGES,
    families=FAMILIES,
)
def beam_step_one_stage(case):
    """A block a batch."""
    return _inputs(case)


def _updated(indices, finished, lengths, ancestors, vocabulary, step, end):
    made = fused.beam_update(indices, finished, lengths, ancestors, vocabulary, step, end)
    return *made[:4], made[4][..., : step + 1]


@suite(
    fused=_updated,
    reference=reference.beam_update,
    launches=1,
    sweep=Sweep(batch=(1, 32), beam=(1, 4), vocabulary=30000, step=(0, 31, 127), dtype="fp32")
    + Sweep(batch=3, beam=32, vocabulary=(7, 1 << 30), step=9, dtype="fp32"),
    edges=Sweep(batch=5, beam=(3, 31, 1), vocabulary=11, step=(4, 0, 63, 64, 65), dtype="fp32"),
    far=Sweep(batch=(1 << 18) + 1, beam=32, vocabulary=30000, step=509, dtype="fp32"),
    families={
        "indices": ("misaligned", "strided", ROWLESS),
        "finished": ("mask-none", "mask-all", ROWLESS),
        "lengths": ("misaligned", "strided", ROWLESS),
        "ancestors": ("misaligned", "strided", ROWLESS),
    },
)
def beam_update(case):
    """Any parents in any order, one of them several times; the end among the tokens."""
    end = case.vocabulary // 3
    indices = case.randint(case.batch, case.beam, low=0, high=case.beam * case.vocabulary)
    indices[-1, -1] = (case.beam - 1) * case.vocabulary + end
    _, finished, lengths = beams.state(case)
    return indices, finished, lengths, beams.ancestors(case, case.step), case.vocabulary, case.step, end
