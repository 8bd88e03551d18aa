"""Beam search as a PyTorch user writes it: log-softmax, cumulative scores, top-k over beams and tokens, gather."""

from __future__ import annotations

import torch


def continuations(logits: torch.Tensor, scores: torch.Tensor, finished: torch.Tensor, end: int) -> torch.Tensor:
    """Scores of every beam with every token behind it: [batch, beams, vocabulary]. A finished beam only ends again."""
    log_probabilities = torch.log_softmax(logits, dim=-1).view(*scores.shape, logits.shape[-1])
    ended = log_probabilities.new_full(logits.shape[-1:], float("-inf"))
    ended[end] = 0
    return scores[..., None] + torch.where(finished[..., None], ended, log_probabilities)


def length_penalty(lengths: torch.Tensor, alpha: float) -> torch.Tensor:
    """Wu et al. 2016, equation 14."""
    return ((5 + lengths) / 6) ** alpha


def beam_topk(
    logits: torch.Tensor,
    bias: torch.Tensor,
    scores: torch.Tensor,
    finished: torch.Tensor,
    lengths: torch.Tensor,
    end: int,
    alpha: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Scores, tokens and parents of the best continuations of each batch, as many as it has beams."""
    return best_of(continuations(logits + bias, scores, finished, end), finished, lengths, alpha)


def best_of(
    continued: torch.Tensor, finished: torch.Tensor, lengths: torch.Tensor, alpha: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The same, of continuations [batch, beams, vocabulary]."""
    _, beams, vocabulary = continued.shape
    ranked = continued / length_penalty(lengths + ~finished, alpha)[..., None]
    best = ranked.flatten(1).topk(beams).indices
    return continued.flatten(1).gather(1, best), best % vocabulary, best // vocabulary


def beam_update(
    indices: torch.Tensor, finished: torch.Tensor, lengths: torch.Tensor, ancestors: torch.Tensor,
    vocabulary: int, step: int, end: int,
) -> tuple[torch.Tensor, ...]:  # fmt: skip
    """Tokens, parents, finished, lengths and ancestors after `indices` (parent * vocabulary + token) were chosen.

    `ancestors` [batch, beams, steps]: for each step so far, the beam whose keys and values a beam has inherited.
    """
    tokens, parents = indices % vocabulary, indices // vocabulary
    was_finished = finished.gather(1, parents)
    inherited = ancestors[..., :step].gather(1, parents[..., None].expand(-1, -1, step))
    return (
        tokens,
        parents,
        was_finished | (tokens == end),
        lengths.gather(1, parents) + ~was_finished,
        torch.cat((inherited, parents[..., None].to(ancestors.dtype)), dim=-1),
    )
