"""Sampling: which tokens are kept, ties, rows without a distribution, shares over many draws, and what is refused."""

import pytest
import torch

from kernels.decoding.sampling import Rows, sample_top_k, sample_top_p
from kernels.shapes import OperandError
from reference.decoding import sampling as reference

END = 1


def rows(count, finished=False):
    lengths = torch.zeros(count, dtype=torch.int32)
    return Rows(torch.zeros(count), torch.full((count,), finished), lengths)


def drawn(sample, logits, keep, count=64, temperature=1.0):
    """Tokens of one row of logits, at uniforms all over [0, 1)."""
    logits = torch.tensor(logits).repeat(count, 1)
    uniforms = (torch.arange(count) + 0.5) / count
    tokens, _ = sample(logits, torch.zeros(logits.shape[1]), uniforms, rows(count), END, keep, temperature)
    return tokens.bincount(minlength=logits.shape[1]).tolist()


def test_equal_tokens_share_alike():
    assert drawn(sample_top_k, [1.0] * 8, 8) == [8] * 8


def test_tokens_as_likely_as_the_kth_are_kept_with_it():
    assert drawn(sample_top_k, [3.0, 0.0, 3.0, 2.0, 3.0, 3.0], 2) == [16, 0, 16, 0, 16, 16]


def test_a_nucleus_is_what_has_less_than_its_share_before_it():
    shares = torch.tensor([0.5, 0.25, 0.125, 0.125]).log().tolist()
    assert drawn(sample_top_p, shares, 0.5) == [64, 0, 0, 0]
    assert drawn(sample_top_p, shares, 0.51, count=66) == [44, 22, 0, 0]
    assert drawn(sample_top_p, shares, 1.0) == [32, 16, 8, 8]


def test_a_small_share_keeps_the_most_likely_token():
    assert drawn(sample_top_p, [0.0, 4.0, 1.0], 1e-9) == [0, 64, 0]


def test_a_high_temperature_evens_out():
    even = drawn(sample_top_k, [0.0, 3.0], 2, temperature=1e6)
    assert even == [32, 32]


def test_a_row_without_a_distribution_gives_token_0_and_no_score():
    logits = torch.zeros(3, 40)
    logits[0, 7], logits[1, 7], logits[2] = float("nan"), float("inf"), float("-inf")
    tokens, after = sample_top_p(logits, torch.zeros(40), torch.full((3,), 0.5), rows(3), END, 0.9, 1.0)
    assert tokens.tolist() == [0, 0, 0]
    assert after.scores.isnan().all()


def test_a_finished_row_ends_again_and_keeps_its_score():
    tokens, after = sample_top_k(
        torch.randn(2, 40), torch.zeros(40), torch.rand(2), rows(2, finished=True), END, 3, 1.0
    )
    assert tokens.tolist() == [END, END]
    assert after.scores.tolist() == [0.0, 0.0]
    assert after.lengths.tolist() == [0, 0]


def test_what_cannot_be_drawn_is_refused():
    given = torch.zeros(1, 4), torch.zeros(4), torch.zeros(1), rows(1), END
    with pytest.raises(OperandError, match="k is 0"):
        sample_top_k(*given, 0, 1.0)
    with pytest.raises(OperandError, match=r"p is 1\.5"):
        sample_top_p(*given, 1.5, 1.0)
    with pytest.raises(OperandError, match="it must be above 0"):
        sample_top_k(*given, 2, 0.0)


def test_a_uniform_that_was_rounded_to_one_draws_the_last_token_that_is_kept_on_the_naive_side():
    logits = torch.tensor([[0.0, 1.0, -1.0]])
    tokens, *_ = reference.sample_top_k(logits, torch.zeros(3), torch.ones(1), torch.zeros(1), torch.tensor([False]),
                                        torch.tensor([4]), 0, 2, 1.0)  # fmt: skip
    assert tokens.tolist() == [1]
