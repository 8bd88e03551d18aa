"""Decoding as a PyTorch user writes it: a token at a time, caches that are concatenated and reordered, a look at every
step whether all is finished."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import torch
from torch.nn import functional

from reference.decoding import beam_search as search
from reference.decoding import sampling
from reference.decoding.gather_tree import gather_tree
from reference.decoding.layer import Affine, Pair, Weights, decoder_layer, memory_of, norm


class Model(NamedTuple):
    """A decoder with embedding and output."""

    table: torch.Tensor  # [vocabulary, hidden]
    positions: torch.Tensor  # [steps, hidden]
    layers: tuple
    last_norm: Affine
    output: Affine  # weight [vocabulary, hidden]
    heads: int


class State(NamedTuple):
    """Of a search between two steps, [batch, beams] each."""

    scores: torch.Tensor
    finished: torch.Tensor
    lengths: torch.Tensor


Choose: TypeAlias = Callable[[int, torch.Tensor, State], tuple[torch.Tensor, torch.Tensor, State]]


def step_logits(
    model: Model, tokens: torch.Tensor, step: int, pasts: list, memories: list[Pair], padding: torch.Tensor
) -> tuple[torch.Tensor, list]:
    """Logits of `tokens` [rows] at position `step`, and the grown caches of all layers."""
    x = functional.embedding(tokens, model.table) * math.sqrt(model.table.shape[-1]) + model.positions[step]
    grown = []
    for past, memory, weights in zip(pasts, memories, model.layers, strict=True):
        x, kept = decoder_layer(x, past, memory, padding, Weights(*weights), model.heads)
        grown.append(kept)
    return functional.linear(norm(x, model.last_norm), *model.output), grown


def beam_search(
    model: Model, encoded: torch.Tensor, encoded_lengths: torch.Tensor, start: int, end: int, beams: int, steps: int,
    alpha: float,
) -> tuple[torch.Tensor, ...]:  # fmt: skip
    """Sequences, tokens and parents of the steps [steps, batch, beams]; scores, finished, lengths [batch, beams]."""

    def choose(step: int, logits: torch.Tensor, state: State) -> tuple[torch.Tensor, torch.Tensor, State]:
        continued = search.continuations(logits, state.scores, state.finished, end)
        scores, tokens, parents = search.best_of(continued, state.finished, state.lengths, alpha)
        return tokens, parents, followed(state, scores, tokens, parents, end)

    tokens, parents, state = decode(model, encoded, encoded_lengths, start, end, beams, steps, choose)
    lengths = torch.full((encoded.shape[0],), steps, device=encoded.device)
    return gather_tree(tokens, parents, lengths, end), tokens, parents, *state


def followed(state: State, scores: torch.Tensor, tokens: torch.Tensor, parents: torch.Tensor, end: int) -> State:
    """The state after these tokens behind these beams."""
    finished, lengths = state.finished.gather(1, parents), state.lengths.gather(1, parents)
    return State(scores, finished | (tokens == end), lengths + ~finished)


def decode(
    model: Model, encoded: torch.Tensor, encoded_lengths: torch.Tensor, start: int, end: int, beams: int, steps: int,
    choose: Choose,
) -> tuple[torch.Tensor, torch.Tensor, State]:  # fmt: skip
    """Tokens and parents of each step, and the last state. Only the first beam counts at first: all are the same.

    Where all is finished before the last step, the end is repeated.
    """
    model, batch = Model(*model), encoded.shape[0]
    padding = (torch.arange(encoded.shape[1], device=encoded.device) >= encoded_lengths[:, None])[:, None, None]
    memories = [memory_of(encoded, Weights(*weights), model.heads) for weights in model.layers]
    pasts: list[Any] = [None] * len(model.layers)
    state = _first_state(batch, beams, encoded.device)
    tokens = torch.full((batch, beams), start, device=encoded.device)
    own = torch.arange(beams, device=encoded.device).expand(batch, beams)
    chosen = []
    for step in range(steps):
        logits, pasts = step_logits(model, tokens.flatten(), step, pasts, memories, padding)
        tokens, parents, state = choose(step, logits, state)
        chosen.append((tokens, parents))
        if beams > 1:
            rows = (torch.arange(batch, device=encoded.device)[:, None] * beams + parents).flatten()
            pasts = [(keys.index_select(0, rows), values.index_select(0, rows)) for keys, values in pasts]
        if state.finished.all():
            break
    chosen += [(torch.full_like(tokens, end), own)] * (steps - len(chosen))
    all_tokens, all_parents = (torch.stack(each) for each in zip(*chosen, strict=True))
    return all_tokens, all_parents, state


def sample_top_k(
    model: Model, encoded: torch.Tensor, encoded_lengths: torch.Tensor, start: int, end: int, uniforms: torch.Tensor,
    k: int, temperature: float,
) -> tuple[torch.Tensor, ...]:  # fmt: skip
    """Sequences [steps, batch], and scores, finished, lengths [batch]; `uniforms` [steps, batch] draw them."""
    return _sample(model, encoded, encoded_lengths, start, end, uniforms, temperature, lambda x: sampling.top_k(x, k))


def sample_top_p(
    model: Model, encoded: torch.Tensor, encoded_lengths: torch.Tensor, start: int, end: int, uniforms: torch.Tensor,
    p: float, temperature: float,
) -> tuple[torch.Tensor, ...]:  # fmt: skip
    """The same from the nucleus of the share `p`."""
    return _sample(model, encoded, encoded_lengths, start, end, uniforms, temperature, lambda x: sampling.top_p(x, p))


def _sample(model, encoded, encoded_lengths, start, end, uniforms, temperature, cut):
    def choose(step: int, logits: torch.Tensor, state: State) -> tuple[torch.Tensor, torch.Tensor, State]:
        scaled = logits / temperature
        scores, finished, lengths = (tensor[:, 0] for tensor in state)
        tokens, *after = sampling.draw(scaled, cut(scaled), uniforms[step], scores, finished, lengths, end)
        return tokens[:, None], torch.zeros_like(tokens)[:, None], State(*(tensor[:, None] for tensor in after))

    tokens, _, state = decode(model, encoded, encoded_lengths, start, end, 1, len(uniforms), choose)
    return tokens[..., 0], *(tensor[:, 0] for tensor in state)


def _first_state(batch: int, beams: int, device: torch.device) -> State:
    scores = torch.zeros(batch, beams, device=device)
    scores[:, 1:] = float("-inf")
    return State(scores, torch.zeros_like(scores, dtype=torch.bool), torch.zeros_like(scores, dtype=torch.int32))
