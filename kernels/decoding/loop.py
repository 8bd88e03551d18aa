"""Decoding: beam search and sampling over a decoder, 11 launches a layer and 4 (sampling: 3) around them for each step.

The caches are written in place and never reordered: `ancestors` lead a beam to its history. The state of a search lies
in two buffers, of which each step reads one and writes the other. Nothing waits for the device before the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch

from kernels.decoder.layer import Affine, Weights
from kernels.decoder.stack import decoder_stack, project_memories
from kernels.decoding.beam_search import Beams, Step, beam_step
from kernels.decoding.embedding import embed
from kernels.decoding.gather_tree import gather_tree
from kernels.decoding.sampling import Rows, sample_top_k, sample_top_p
from kernels.decoding.stop import Stop
from kernels.shapes import OperandError

LOOKS = 8  # steps between two copies of the flags that end a decoding


class Model(NamedTuple):
    """A decoder with embedding and output."""

    table: torch.Tensor  # [vocabulary, hidden]
    positions: torch.Tensor  # [steps, hidden]
    layers: tuple
    last_norm: Affine
    output: Affine  # weight [vocabulary, hidden]
    heads: int


class Caches(NamedTuple):
    """Keys and values: of the tokens so far, [layers, 2, rows, heads, steps, size], and of the encoder's output."""

    own: torch.Tensor
    memories: list
    lengths: torch.Tensor


def step_logits(
    model: Model, tokens: torch.Tensor, step: int, caches: Caches, ancestors: torch.Tensor | None
) -> torch.Tensor:
    """Logits [rows, vocabulary] of `tokens`, any shape, at position `step`, without the bias; the cache is written."""
    first = Weights(*model.layers[0]).self_norm
    hidden, normed = embed(tokens.view(-1), model.table, model.positions, step, *first)
    own = caches.own[..., : step + 1, :]
    normed, _ = decoder_stack(
        hidden, normed, own, caches.memories, caches.lengths, model.layers, model.last_norm, ancestors
    )
    return torch.mm(normed, model.output[0].t())


def beam_search(
    model: Model, encoded: torch.Tensor, encoded_lengths: torch.Tensor, start: int, end: int, beams: int, steps: int,
    alpha: float, looks: int = LOOKS,
) -> tuple[torch.Tensor, ...]:  # fmt: skip
    """Sequences, tokens and parents of the steps [steps, batch, beams], and scores, finished, lengths [batch, beams].

    `encoded` [batch, positions, any] is the encoder's output. Greedy with one beam. `looks`: see `Stop`.
    """
    model, batch = Model(*model), len(encoded)
    caches = _caches(model, encoded, encoded_lengths, batch * beams, steps)
    state = _first_beams(encoded, beams, steps)
    other = Beams(*(torch.empty_like(tensor) for tensor in state))
    tokens = encoded.new_full((batch, beams), start, dtype=torch.int64)
    made = Step(*(encoded.new_empty((steps, batch, beams), dtype=torch.int64) for _ in Step._fields))
    stop = Stop(looks)
    for step in range(steps):
        logits = step_logits(model, tokens, step, caches, state.ancestors if beams > 1 else None)
        into = Step(made.tokens[step], made.parents[step])
        beam_step(logits.view(batch, beams, -1), model.output[1], state, step, end, alpha, chosen=into, after=other)
        tokens, state, other = into.tokens, other, state
        if stop.reached(step, state.finished):
            _end_again(made, step + 1, end)
            break
    lengths = encoded.new_full((batch,), steps, dtype=torch.int64)
    return gather_tree(*made, lengths, end), *made, *state[:3]


Draw: TypeAlias = Callable[..., tuple[torch.Tensor, Rows]]


def sample_by_top_k(
    model: Model, encoded: torch.Tensor, encoded_lengths: torch.Tensor, start: int, end: int, uniforms: torch.Tensor,
    k: int, temperature: float, looks: int = LOOKS,
) -> tuple[torch.Tensor, ...]:  # fmt: skip
    """Sequences [steps, batch], and scores, finished, lengths [batch]; `uniforms` [steps, batch] draw them."""
    return _sample(sample_top_k, model, encoded, encoded_lengths, start, end, uniforms, k, temperature, looks)


def sample_by_top_p(
    model: Model, encoded: torch.Tensor, encoded_lengths: torch.Tensor, start: int, end: int, uniforms: torch.Tensor,
    p: float, temperature: float, looks: int = LOOKS,
) -> tuple[torch.Tensor, ...]:  # fmt: skip
    """The same from the nucleus of the share `p`."""
    return _sample(sample_top_p, model, encoded, encoded_lengths, start, end, uniforms, p, temperature, looks)


def _sample(
    draw: Draw, model: Model, encoded: torch.Tensor, encoded_lengths: torch.Tensor, start: int, end: int,
    uniforms: torch.Tensor, keep: float, temperature: float, looks: int,
) -> tuple[torch.Tensor, ...]:  # fmt: skip
    model, batch, steps = Model(*model), len(encoded), len(uniforms)
    caches = _caches(model, encoded, encoded_lengths, batch, steps)
    state = Rows(
        encoded.new_zeros(batch, dtype=torch.float32),
        encoded.new_zeros(batch, dtype=torch.bool),
        encoded.new_zeros(batch, dtype=torch.int32),
    )
    other = Rows(*(torch.empty_like(tensor) for tensor in state))
    tokens = encoded.new_full((batch,), start, dtype=torch.int64)
    sequences = encoded.new_empty((steps, batch), dtype=torch.int64)
    stop = Stop(looks)
    for step in range(steps):
        logits = step_logits(model, tokens, step, caches, None)
        tokens = sequences[step]
        draw(logits, model.output[1], uniforms[step], state, end, keep, temperature, tokens=tokens, after=other)
        state, other = other, state
        if stop.reached(step, state.finished):
            sequences[step + 1 :].fill_(end)
            break
    return sequences, *state


def _caches(model: Model, encoded: torch.Tensor, encoded_lengths: torch.Tensor, rows: int, steps: int) -> Caches:
    hidden = model.table.shape[-1]
    if steps > len(model.positions):
        raise OperandError(f"{steps} steps, but the model has {len(model.positions)} positions")
    own = encoded.new_empty((len(model.layers), 2, rows, model.heads, steps, hidden // model.heads))
    return Caches(own, project_memories(encoded, model.layers, model.heads), encoded_lengths)


def _first_beams(encoded: torch.Tensor, beams: int, steps: int) -> Beams:
    """All beams of a batch are the same at first: only the first one counts."""
    batch = len(encoded)
    scores = encoded.new_zeros((batch, beams), dtype=torch.float32)
    if beams > 1:
        scores[:, 1:].fill_(float("-inf"))
    return Beams(
        scores,
        encoded.new_zeros((batch, beams), dtype=torch.bool),
        encoded.new_zeros((batch, beams), dtype=torch.int32),
        encoded.new_empty((batch, beams, steps), dtype=torch.int32),
    )


def _end_again(made: Step, step: int, end: int) -> None:
    """From this step on, where every beam is finished: the end, behind the beam of the same rank."""
    made.tokens[step:].fill_(end)
    made.parents[step:].copy_(torch.arange(made.parents.shape[-1], device=made.parents.device))
