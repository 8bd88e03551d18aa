"""Beam search: ties as declared, both forms alike, no limit of vocabulary that is hidden, and what is refused."""

import pytest
import torch

from kernels.decoding.beam_search import Beams, beam_step, beam_topk, beam_update
from kernels.shapes import OperandError

END = 2


@pytest.fixture
def search(random):
    """Arguments of beam_topk: logits, bias, scores, finished, lengths, end, alpha."""

    def make(batch, beams, vocabulary):
        scores = random(batch, beams)
        finished, lengths = torch.zeros_like(scores, dtype=torch.bool), torch.ones_like(scores, dtype=torch.int32)
        return random(batch, beams, vocabulary), random(vocabulary), scores, finished, lengths, END, 0.6

    return make


def in_both_forms(*search):
    one, two = (beam_topk(*search, stages=stages) for stages in (1, 2))
    assert torch.equal(one[1], two[1])
    assert torch.equal(one[2], two[2])
    torch.testing.assert_close(one[0], two[0], rtol=1e-6, atol=1e-6)
    return one


@pytest.mark.parametrize("vocabulary", [37, 700])
def test_equal_tokens_rank_by_their_number(search, vocabulary):
    _, tokens, parents = in_both_forms(torch.zeros(1, 4, vocabulary), torch.zeros(vocabulary),
                                       torch.tensor([[0.0, -9.0, -9.0, -9.0]]), *search(1, 4, 3)[3:])  # fmt: skip
    assert tokens.tolist() == [[0, 1, 2, 3]]
    assert parents.tolist() == [[0, 0, 0, 0]]


def test_equal_beams_rank_by_their_number(search):
    logits = torch.zeros(1, 4, 50)
    logits[..., 40] = 5.0
    _, tokens, parents = in_both_forms(logits, torch.zeros(50), torch.zeros(1, 4), *search(1, 4, 3)[3:])
    assert tokens.tolist() == [[40] * 4]
    assert parents.tolist() == [[0, 1, 2, 3]]


def test_minus_zero_is_zero(search):
    logits = torch.full((1, 1, 9), -1.0)
    logits[..., 3], logits[..., 5] = -0.0, 0.0
    _, tokens, _ = in_both_forms(logits, torch.full((9,), -0.0), torch.zeros(1, 1), *search(1, 1, 9)[3:])
    assert tokens.item() == 3


def test_logits_far_below_zero_are_no_identity_of_the_maximum(search):
    logits, bias, *rest = search(2, 3, 1021)
    expected = in_both_forms(logits, bias, *rest)
    far = in_both_forms(logits - 2.0**13, bias, *rest)
    assert torch.equal(expected[1], far[1])
    torch.testing.assert_close(expected[0], far[0], rtol=0, atol=1e-2)


def test_more_beams_than_tokens_choose_each_continuation_once(search):
    _, tokens, parents = in_both_forms(*search(2, 8, 3))
    for row in (parents * 3 + tokens).tolist():
        assert len(set(row)) == 8


def test_a_finished_beam_goes_on_with_the_end_for_free(search):
    logits, bias, scores, _, lengths, *rest = search(1, 2, 40)
    got, tokens, parents = in_both_forms(logits, bias, scores, torch.tensor([[True, True]]), lengths, *rest)
    assert tokens.tolist() == [[END, END]]
    assert torch.equal(got, scores.sort(descending=True).values)
    assert torch.equal(parents, scores.argsort(descending=True))


def test_a_penalty_lets_longer_hypotheses_win(search):
    logits, bias = torch.zeros(1, 2, 4), torch.tensor([0.0, -80.0, -80.0, -80.0])
    scores, finished = torch.tensor([[-4.0, -5.0]]), torch.tensor([[False, False]])
    lengths = torch.tensor([[1, 30]], dtype=torch.int32)
    for alpha, first in ((0.0, 0), (1.0, 1)):
        _, _, parents = in_both_forms(logits, bias, scores, finished, lengths, END, alpha)
        assert parents[0, 0] == first


@pytest.mark.parametrize("stages", [1, 2])
def test_a_step_is_its_choice_and_the_update_after_it(search, stages):
    logits, bias, scores, finished, lengths, *rest = search(3, 4, 50)
    ancestors = torch.randint(0, 4, (3, 4, 7), dtype=torch.int32)
    chosen, after = beam_step(logits, bias, Beams(scores, finished, lengths, ancestors), 5, *rest, stages=stages)
    best, tokens, parents = beam_topk(logits, bias, scores, finished, lengths, *rest, stages=stages)
    updated = beam_update(parents * 50 + tokens, finished, lengths, ancestors, 50, 5, END)
    assert torch.equal(after.scores, best)
    for one, other in zip((*chosen, *after[1:3]), updated[:4], strict=True):
        assert torch.equal(one, other)
    assert torch.equal(after.ancestors[..., :6], updated[4][..., :6])


def test_a_vocabulary_of_more_tiles_than_lanes_is_searched_in_longer_ones(search):
    logits, bias, *rest = search(1, 2, 40_009)
    logits[0, 1, -1] = 60.0
    _, tokens, parents = in_both_forms(logits, bias, *rest)
    assert (tokens[0, 0], parents[0, 0]) == (40_008, 1)


def test_what_cannot_be_searched_is_refused(search):
    with pytest.raises(OperandError, match="33 beams; a search has 1 to 32"):
        beam_topk(*search(1, 33, 40))
    *most, _, alpha = search(1, 2, 40)
    with pytest.raises(OperandError, match="the end 40 is no token of a vocabulary of 40"):
        beam_topk(*most, 40, alpha)
    with pytest.raises(OperandError, match="1 or 2 stages"):
        beam_topk(*search(1, 2, 40), stages=3)
    indices, state = torch.zeros(1, 2, dtype=torch.int64), search(1, 2, 40)[3:5]
    with pytest.raises(OperandError, match="step 7 is none of the 7"):
        beam_update(indices, *state, torch.zeros(1, 2, 7, dtype=torch.int32), 40, 7, END)
