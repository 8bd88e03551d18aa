"""Top-k and top-p sampling with given uniforms, as a PyTorch user writes it."""

from __future__ import annotations

import torch


def top_k(logits: torch.Tensor, k: int) -> torch.Tensor:
    """The k most likely tokens of each row, and those as likely as the k-th (Fan et al. 2018); the others are -inf."""
    lowest = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < lowest, float("-inf"))


def top_p(logits: torch.Tensor, p: float) -> torch.Tensor:
    """The most likely tokens that together have the share p (Holtzman et al. 2020), and those as likely as the last."""
    ordered = logits.sort(descending=True).values
    shares = torch.softmax(ordered, dim=-1)
    kept = (shares.cumsum(-1) - shares < p).sum(-1, keepdim=True).clamp(min=1)
    return logits.masked_fill(logits < ordered.gather(-1, kept - 1), float("-inf"))


def draw(
    logits: torch.Tensor,
    filtered: torch.Tensor,
    uniforms: torch.Tensor,
    scores: torch.Tensor,
    finished: torch.Tensor,
    lengths: torch.Tensor,
    end: int,
) -> tuple[torch.Tensor, ...]:
    """Tokens by inversion: the first whose cumulative share exceeds the row's uniform, or is the whole, for a uniform
    that was rounded to 1. Then the state of the rows: scores with the log-probability among all tokens added, finished,
    lengths. A finished row only ends again."""
    reached = torch.softmax(filtered, dim=-1).cumsum(-1)
    whole = reached[:, -1:]
    drawn = ((reached <= uniforms[:, None] * whole) & (reached < whole)).sum(-1)
    gained = torch.log_softmax(logits, dim=-1).gather(-1, drawn[:, None])[:, 0]
    tokens = torch.where(finished, end, drawn)
    return tokens, torch.where(finished, scores, scores + gained), finished | (tokens == end), lengths + ~finished


def sample_top_k(
    logits: torch.Tensor, bias: torch.Tensor, uniforms: torch.Tensor, scores: torch.Tensor, finished: torch.Tensor,
    lengths: torch.Tensor, end: int, k: int, temperature: float,
) -> tuple[torch.Tensor, ...]:  # fmt: skip
    """Tokens, scores, finished, lengths."""
    scaled = (logits + bias) / temperature
    return draw(scaled, top_k(scaled, k), uniforms, scores, finished, lengths, end)


def sample_top_p(
    logits: torch.Tensor, bias: torch.Tensor, uniforms: torch.Tensor, scores: torch.Tensor, finished: torch.Tensor,
    lengths: torch.Tensor, end: int, p: float, temperature: float,
) -> tuple[torch.Tensor, ...]:  # fmt: skip
    """Tokens, scores, finished, lengths."""
    scaled = (logits + bias) / temperature
    return draw(scaled, top_p(scaled, p), uniforms, scores, finished, lengths, end)
