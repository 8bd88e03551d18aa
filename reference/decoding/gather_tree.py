"""The sequences of a beam search, followed back from its last step: TensorFlow's gather_tree in PyTorch."""

from __future__ import annotations

import torch


def gather_tree(tokens: torch.Tensor, parents: torch.Tensor, lengths: torch.Tensor, end: int) -> torch.Tensor:
    """[steps, batch, beams], as `tokens` and `parents`; `lengths` [batch] are the steps that count.

    Behind them, and behind the first `end`, all is `end`; before a parent that is no beam, all is -1.
    """
    steps, batch, beams = tokens.shape
    sequences = torch.full_like(tokens, end)
    beam = torch.arange(beams, device=tokens.device).expand(batch, beams)
    for step in reversed(range(steps)):
        counts, known = (step < lengths)[:, None], (beam >= 0) & (beam < beams)
        at = beam.clamp(0, beams - 1)
        sequences[step] = torch.where(counts, torch.where(known, tokens[step].gather(1, at), -1), end)
        beam = torch.where(counts, torch.where(known, parents[step].gather(1, at), -1), beam)
    ended = (sequences == end).cumsum(0) > 0
    sequences[1:][ended[:-1]] = end
    return sequences
