"""What the references make of choices that are given: how outputs of a search or a sampler are judged.

In: outputs of either side, by how much scores may be off, and the inputs in FP64. Out: `Replayed`.
"""

from __future__ import annotations

import torch

from harness.equality.rules import Replayed
from reference.decoding import beam_search
from reference.decoding.gather_tree import gather_tree
from reference.decoding.loop import State, decode, followed
from reference.decoding.sampling import top_k, top_p

IMPOSSIBLE = float("-inf")


def beam_topk(outputs, slack, logits, bias, scores, finished, lengths, end, alpha):
    """Outputs are scores, tokens and parents."""
    _, tokens, parents = outputs
    continued = beam_search.continuations(logits + bias, scores, finished, end)
    right, chosen, best = beams_chosen(continued, finished, lengths, tokens, parents, alpha)
    return Replayed((right, tokens, parents), chosen, best)


def beam_step(outputs, slack, logits, bias, scores, finished, lengths, ancestors, step, end, alpha):
    """Outputs are tokens, parents, and the state after them: scores, finished, lengths, ancestors."""
    tokens, parents = outputs[:2]
    vocabulary = logits.shape[-1]
    continued = beam_search.continuations(logits + bias, scores, finished, end)
    right, chosen, best = beams_chosen(continued, finished, lengths, tokens, parents, alpha)
    made = beam_search.beam_update(parents * vocabulary + tokens, finished, lengths, ancestors, vocabulary, step, end)
    return Replayed((*made[:2], right, *made[2:]), chosen, best)


def beams_chosen(continued, finished, lengths, tokens, parents, alpha):
    """Of continuations [batch, beams, vocabulary]: the scores of those chosen, and how they and the best ones rank.

    A continuation that is chosen twice ranks nowhere the second time.
    """
    ranked = (continued / beam_search.length_penalty(lengths + ~finished, alpha)[..., None]).flatten(1)
    indices = parents * continued.shape[-1] + tokens
    if (tokens < 0).any() or (tokens >= continued.shape[-1]).any():
        raise IndexError(f"a token is outside of the vocabulary of {continued.shape[-1]}")
    again = (indices[..., None] == indices[..., None, :]).tril(-1).any(-1)
    chosen = ranked.gather(1, indices).masked_fill(again, IMPOSSIBLE)
    return continued.flatten(1).gather(1, indices), chosen, ranked.topk(indices.shape[1]).values


def sample_top_k(outputs, slack, logits, bias, uniforms, scores, finished, lengths, end, k, temperature):
    """Outputs are tokens, scores, finished, lengths."""
    scaled = (logits + bias) / temperature
    kept, lowest = top_k(scaled, k), scaled.topk(min(k, scaled.shape[-1])).values[..., -1:]
    return _sampled(outputs, slack, scaled, kept, lowest, uniforms, scores, finished, lengths, end)


def sample_top_p(outputs, slack, logits, bias, uniforms, scores, finished, lengths, end, p, temperature):
    """Outputs are tokens, scores, finished, lengths."""
    scaled = (logits + bias) / temperature
    kept = top_p(scaled, p)
    lowest = kept.masked_fill(kept.isinf(), float("inf")).amin(-1, keepdim=True)
    return _sampled(outputs, slack, scaled, kept, lowest, uniforms, scores, finished, lengths, end)


def _sampled(outputs, slack, scaled, kept, lowest, uniforms, scores, finished, lengths, end):
    tokens = outputs[0]
    if (tokens < 0).any() or (tokens >= scaled.shape[-1]).any():
        raise IndexError(f"a token is outside of the vocabulary of {scaled.shape[-1]}")
    distance = distance_to_share(scaled, kept, lowest, uniforms, tokens, slack)
    distance = torch.where(finished, torch.where(tokens == end, 0.0, torch.inf), distance)
    gained = torch.log_softmax(scaled, dim=-1).gather(-1, tokens[:, None])[:, 0]
    right = torch.where(finished, scores, scores + gained)
    made = (tokens, right, finished | (tokens == end), lengths + ~finished)
    return Replayed(made, -distance, torch.zeros_like(distance))


def distance_to_share(scaled, kept, lowest, uniforms, tokens, slack):
    """How far each row's uniform lies outside of what may be the share of its token, in the order of the vocabulary.

    Logits within twice `slack` of the lowest one kept are in doubt: any of them may be kept or left out. A token's
    share begins earliest where those before it are out and those behind it are in, and ends latest the other way round.
    A row without a distribution has no token but 0.
    """
    shares = torch.softmax(scaled, dim=-1)
    doubtful = (scaled - lowest).abs() <= 2 * slack
    certain = (kept > IMPOSSIBLE) & ~doubtful
    sure, unsure = shares * certain, shares * (doubtful & (scaled > IMPOSSIBLE))
    at = tokens[:, None]
    own, owned = shares.gather(-1, at), (certain | doubtful).gather(-1, at)
    own_unsure = unsure.gather(-1, at)
    sure_before = sure.cumsum(-1).gather(-1, at) - sure.gather(-1, at)
    unsure_before = unsure.cumsum(-1).gather(-1, at) - own_unsure
    unsure_behind = unsure.sum(-1, keepdim=True) - unsure_before - own_unsure
    all_sure = sure.sum(-1, keepdim=True) + own_unsure
    begin = sure_before / (all_sure + unsure_behind)
    end = (sure_before + unsure_before + own) / (all_sure + unsure_before)
    drawn = uniforms[:, None]
    distance = torch.maximum(begin - drawn, drawn - end).clamp(min=0).masked_fill(~owned, torch.inf)
    nowhere = shares.isnan().any(-1, keepdim=True)
    return torch.where(nowhere, torch.where(at == 0, 0.0, torch.inf), distance)[:, 0]


def loop(outputs, slack, model, encoded, encoded_lengths, start, end, beams, steps, alpha):
    """Outputs are sequences, tokens and parents of the steps, scores, finished, lengths."""
    _, tokens, parents, *_ = outputs
    ranks = []

    def choose(step, logits, state):
        continued = beam_search.continuations(logits, state.scores, state.finished, end)
        scores, *rank = beams_chosen(continued, state.finished, state.lengths, tokens[step], parents[step], alpha)
        ranks.append(rank)
        return tokens[step], parents[step], followed(state, scores, tokens[step], parents[step], end)

    made = decode(model, encoded, encoded_lengths, start, end, beams, steps, choose)
    lengths = torch.full((len(encoded),), steps)
    sequences = gather_tree(made[0], made[1], lengths, end)
    chosen, best = (torch.stack(rank) for rank in zip(*ranks, strict=True))
    return Replayed((sequences, *made[:2], *made[2]), chosen, best)


def sampled_by_top_k(outputs, slack, model, encoded, encoded_lengths, start, end, uniforms, k, temperature):
    """Outputs are sequences, scores, finished, lengths."""
    return _sampled_loop(
        outputs, slack, model, encoded, encoded_lengths, start, end, uniforms, k, temperature, sample_top_k
    )


def sampled_by_top_p(outputs, slack, model, encoded, encoded_lengths, start, end, uniforms, p, temperature):
    """The same."""
    return _sampled_loop(
        outputs, slack, model, encoded, encoded_lengths, start, end, uniforms, p, temperature, sample_top_p
    )


def _sampled_loop(outputs, slack, model, encoded, encoded_lengths, start, end, uniforms, keep, temperature, replay):
    sequences, ranks = outputs[0], []

    def choose(step, logits, state):
        rows = [tensor[:, 0] for tensor in state]
        inputs = (logits, torch.zeros_like(logits[0]), uniforms[step], *rows, end, keep, temperature)
        made = replay((sequences[step],), slack, *inputs)
        ranks.append((made.chosen, made.best))
        tokens = sequences[step][:, None]
        return tokens, torch.zeros_like(tokens), State(*(tensor[:, None] for tensor in made.outputs[1:]))

    tokens, _, state = decode(model, encoded, encoded_lengths, start, end, 1, len(uniforms), choose)
    chosen, best = (torch.stack(rank) for rank in zip(*ranks, strict=True))
    return Replayed((tokens[..., 0], *(tensor[:, 0] for tensor in state)), chosen, best)
