"""A step of a beam search after the logits: the best continuations of a batch's beams, and the search's new state.

Two launches, or one where a block a batch is enough. Beams of one batch compete; [batch, beams] is how all of it lies.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from harness.kernel import Kernel
from kernels.shapes import OperandError, require, vector_width

MOST_BEAMS = 32  # a lane a beam
MOST_TILES = 32  # a lane a tile
MOST_TOKENS = 1 << 30  # a tile may end behind the vocabulary, and its tokens are counted in 32 bits
THREADS = 128
ITEMS = 4  # vectors of a thread, once there are rows enough to fill a GPU without splitting them so far
FEW_ROWS = 64
ONE_STAGE = 1 << 14  # logits of a batch that one block walks over

_tiles = Kernel("beam_search.cu", "beam_tiles<{scalar}, {vector}, {items}>", mixed=True, chooses=True)
_merge = Kernel("beam_search.cu", "beam_merge<{update}>", chooses=True)
_block = Kernel("beam_search.cu", "beam_block<{scalar}, {vector}, {items}, {update}>", mixed=True, chooses=True)
_update = Kernel("beam_search.cu", "beam_update", chooses=True)


class Beams(NamedTuple):
    """The state of a search between two steps.

    Row r of the caches holds the keys and values that beam r computed; `ancestors` says, for each step so far, which
    beam of the same batch computed those that a beam descends from. So caches are never reordered.
    """

    scores: torch.Tensor  # cumulative log-probabilities, FP32 [batch, beams]
    finished: torch.Tensor  # bool [batch, beams]
    lengths: torch.Tensor  # tokens so far, the end included, int32 [batch, beams]
    ancestors: torch.Tensor  # int32 [batch, beams, steps]


class Step(NamedTuple):
    """What a step chose: tokens, and the beams that they continue, int64 [batch, beams]."""

    tokens: torch.Tensor
    parents: torch.Tensor


def beam_topk(
    logits: torch.Tensor,
    bias: torch.Tensor,
    scores: torch.Tensor,
    finished: torch.Tensor,
    lengths: torch.Tensor,
    end: int,
    alpha: float,
    stages: int = 0,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Scores, tokens and parents of the best continuations, best first. `logits` [batch, beams, vocabulary].

    A finished beam goes on with `end` alone, for free. Continuations are ranked by score / ((5 + length) / 6) ** alpha.
    `stages` 0 chooses by size. Equal scores: the lower beam, the larger logit, the lower token.
    """
    batch, beams = scores.shape
    search = _Search("beam_topk", logits, bias, end, beams, stages)
    require("beam_topk", torch.float32, scores=(scores, (batch, beams)))
    require("beam_topk", torch.bool, finished=(finished, (batch, beams)))
    require("beam_topk", torch.int32, lengths=(lengths, (batch, beams)))
    best, chosen = torch.empty_like(scores), _new_step(scores)
    if batch:
        written = (best, *chosen, None, None, None)
        search.run(written, (scores, finished, lengths, None), step=0, steps=0, alpha=alpha, update=False)
    return best, *chosen


def beam_step(
    logits: torch.Tensor,
    bias: torch.Tensor,
    beams: Beams,
    step: int,
    end: int,
    alpha: float,
    stages: int = 0,
    chosen: Step | None = None,
    after: Beams | None = None,
) -> tuple[Step, Beams]:
    """`beam_topk` and `beam_update` in the same launches. `step` counts the steps before this one.

    What is chosen and the new state are written to `chosen` and `after`, where given: buffers other than those read.
    """
    width = beams.scores.shape[1]
    search = _Search("beam_step", logits, bias, end, width, stages)
    _require_state("beam_step", beams, step)
    chosen, after = chosen or _new_step(beams.scores), after or _new_state(beams)
    if len(beams.scores):
        written = (after.scores, *chosen, *after[1:])
        search.run(written, beams, step=step, steps=beams.ancestors.shape[-1], alpha=alpha, update=True)
    return chosen, after


def beam_update(
    indices: torch.Tensor, finished: torch.Tensor, lengths: torch.Tensor, ancestors: torch.Tensor,
    vocabulary: int, step: int, end: int,
) -> tuple[torch.Tensor, ...]:  # fmt: skip
    """The state after continuations chosen elsewhere, `indices` of parent * vocabulary + token, int64 [batch, beams]:
    tokens, parents, finished, lengths, ancestors."""
    batch, beams = indices.shape
    require("beam_update", torch.int64, indices=(indices, (batch, beams)))
    state = Beams(torch.empty((batch, beams), device=indices.device), finished, lengths, ancestors)
    _require_state("beam_update", state, step)
    _require_beams("beam_update", beams)
    chosen, after = _new_step(indices), _new_state(state)
    if batch:
        _update(*chosen, *after[1:], indices, *state[1:], vocabulary, beams, end, step, ancestors.shape[-1],
                grid=batch, block=THREADS)  # fmt: skip
    return *chosen, *after[1:]


class _Search:
    """The launches over one step's logits."""

    def __init__(self, name: str, logits: torch.Tensor, bias: torch.Tensor, end: int, beams: int, stages: int) -> None:
        vocabulary = logits.shape[-1]
        shape = (len(logits), beams, vocabulary)
        require(name, logits.dtype, logits=(logits, shape), bias=(bias, (vocabulary,)))
        _require_beams(name, beams)
        if not 1 <= vocabulary <= MOST_TOKENS:
            raise OperandError(f"{name}: a vocabulary of {vocabulary} tokens; 1 to {MOST_TOKENS} can be searched")
        if not 0 <= end < vocabulary:
            raise OperandError(f"{name}: the end {end} is no token of a vocabulary of {vocabulary}")
        if stages not in (0, 1, 2):
            raise OperandError(f"{name}: a search has 1 or 2 stages (0 chooses), not {stages}")
        self.logits, self.bias, self.end, self.beams = logits, bias, end, beams
        self.stages = stages or (1 if beams * vocabulary <= ONE_STAGE else 2)

    def run(self, written: tuple, state: tuple, *, step: int, steps: int, alpha: float, update: bool) -> None:
        batch, beams, vocabulary = self.logits.shape
        rows = batch * beams
        width = vector_width(vocabulary, self.logits, self.bias)
        items = 1 if rows <= FEW_ROWS else ITEMS
        shape = {"vector": width, "items": items}
        last = (self.beams, self.end, step, steps, alpha)
        flag = "true" if update else "false"
        if self.stages == 1:
            _block(self.logits, self.bias, *written, *state, vocabulary, *last,
                   grid=batch, block=THREADS, update=flag, **shape)  # fmt: skip
            return
        tile = tile_of(vocabulary, THREADS * width * items)
        tiles = -(-vocabulary // tile)
        candidates = self.logits.new_empty((rows, tiles, self.beams), dtype=torch.int64)
        normalizers = self.logits.new_empty((rows, tiles, 2), dtype=torch.float32)
        _tiles(self.logits, candidates, normalizers, self.bias, state[1], vocabulary, tiles, self.beams, self.end, tile,
               grid=rows * tiles, block=THREADS, **shape)  # fmt: skip
        _merge(*written, candidates, normalizers, *state, tiles, *last,
               grid=batch, block=32 * self.beams, update=flag)  # fmt: skip


def tile_of(vocabulary: int, step: int) -> int:
    """Tokens of a tile: as few steps of a block as leave no more tiles than a warp has lanes."""
    return step * -(-vocabulary // (step * MOST_TILES))


def _require_beams(name: str, beams: int) -> None:
    if not 1 <= beams <= MOST_BEAMS:
        raise OperandError(f"{name}: {beams} beams; a search has 1 to {MOST_BEAMS}, one for each lane of a warp")


def _require_state(name: str, beams: Beams, step: int) -> None:
    batch, width, steps = beams.ancestors.shape
    require(name, torch.float32, scores=(beams.scores, (batch, width)))
    require(name, torch.bool, finished=(beams.finished, (batch, width)))
    require(
        name, torch.int32, lengths=(beams.lengths, (batch, width)), ancestors=(beams.ancestors, (batch, width, steps))
    )
    if not 0 <= step < steps:
        raise OperandError(f"{name}: step {step} is none of the {steps} that ancestors have room for")


def _new_step(like: torch.Tensor) -> Step:
    return Step(torch.empty_like(like, dtype=torch.int64), torch.empty_like(like, dtype=torch.int64))


def _new_state(like: Beams) -> Beams:
    return Beams(*(torch.empty_like(tensor) for tensor in like))
