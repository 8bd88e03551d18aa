"""A token drawn from the most likely ones of each row, with the row's new state, in one launch."""

from __future__ import annotations

from typing import NamedTuple

import torch

from harness.kernel import Kernel
from kernels.shapes import OperandError, require, vector_width

MOST_TOKENS = 1 << 23  # their shares, whole numbers up to 2^40, add up to 63 bits
THREADS = 256  # divides the bins of each digit

_sample = Kernel("sampling.cu", "sample<{scalar}, {vector}, {cut}>", mixed=True, chooses=True)


class Rows(NamedTuple):
    """The state of rows that are drawn one token after another."""

    scores: torch.Tensor  # cumulative log-probabilities, FP32 [rows]
    finished: torch.Tensor  # bool [rows]
    lengths: torch.Tensor  # tokens so far, the end included, int32 [rows]


def sample_top_k(
    logits: torch.Tensor, bias: torch.Tensor, uniforms: torch.Tensor, rows: Rows, end: int, k: int, temperature: float,
    tokens: torch.Tensor | None = None, after: Rows | None = None,
) -> tuple[torch.Tensor, Rows]:  # fmt: skip
    """From the `k` most likely tokens, and those as likely as the k-th. `logits` [rows, vocabulary].

    `uniforms` [rows] choose, from 0 to below 1: the first token, in the order of the vocabulary, whose share added to
    those before exceeds them. The score grows by the token's log-probability among all. A finished row draws `end`.
    """
    if k < 1:
        raise OperandError(f"sample_top_k: k is {k}; at least one token must be left")
    return _run("sample_top_k", "TopK", k, logits, bias, uniforms, rows, end, temperature, tokens, after)


def sample_top_p(
    logits: torch.Tensor, bias: torch.Tensor, uniforms: torch.Tensor, rows: Rows, end: int, p: float,
    temperature: float, tokens: torch.Tensor | None = None, after: Rows | None = None,
) -> tuple[torch.Tensor, Rows]:  # fmt: skip
    """From the most likely tokens that together have the share `p`: those with less than `p` before them. Else as
    `sample_top_k`."""
    if not 0 < p <= 1:
        raise OperandError(f"sample_top_p: p is {p}; a share is more than 0, and at most 1")
    return _run("sample_top_p", "TopP", p, logits, bias, uniforms, rows, end, temperature, tokens, after)


def _run(
    name: str, cut: str, keep: float, logits: torch.Tensor, bias: torch.Tensor, uniforms: torch.Tensor, rows: Rows,
    end: int, temperature: float, tokens: torch.Tensor | None, after: Rows | None,
) -> tuple[torch.Tensor, Rows]:  # fmt: skip
    count, vocabulary = logits.shape
    require(name, logits.dtype, logits=(logits, (count, vocabulary)), bias=(bias, (vocabulary,)))
    require(name, torch.float32, uniforms=(uniforms, (count,)), scores=(rows.scores, (count,)))
    require(name, torch.bool, finished=(rows.finished, (count,)))
    require(name, torch.int32, lengths=(rows.lengths, (count,)))
    if not 1 <= vocabulary <= MOST_TOKENS:
        raise OperandError(f"{name}: a vocabulary of {vocabulary} tokens; 1 to {MOST_TOKENS} can be drawn from")
    if not 0 <= end < vocabulary:
        raise OperandError(f"{name}: the end {end} is no token of a vocabulary of {vocabulary}")
    if not temperature > 0:
        raise OperandError(f"{name}: a temperature of {temperature}; it must be above 0 (greedy search needs none)")
    tokens = torch.empty_like(rows.lengths, dtype=torch.int64) if tokens is None else tokens
    after = after or Rows(*(torch.empty_like(tensor) for tensor in rows))
    width = vector_width(vocabulary, logits, bias)
    _sample(logits, bias, tokens, *after, uniforms, *rows, vocabulary, end, float(keep), temperature,
            grid=count, block=THREADS, vector=width, cut=cut)  # fmt: skip
    return tokens, after
