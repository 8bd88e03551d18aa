"""Choices are held against what is right given the choices before: ties pass, worse choices and wrong scores do not."""

import torch

from harness.dtypes import scalar_named
from harness.equality.replay import compare_replayed
from harness.equality.rules import Replayed
from harness.equality.terms import Terms

STEPS = torch.tensor([[1.0, 5.0, 5.0 + 1e-7], [9.0, 2.0, 3.0]])


def replay(outputs, slack, steps):
    """A choice at each of two steps; what is chosen first is added to the scores of the second."""
    choices, _ = outputs
    first = steps[0][choices[0]]
    chosen = torch.stack((first, first + steps[1][choices[1]]))
    best = torch.stack((steps[0].max(), first + steps[1].max()))
    return Replayed((choices, chosen), chosen, best)


def verdict(choices, scores, naive=((2, 0), (5.0, 14.0))):
    made = [(torch.tensor(one), torch.tensor(other)) for one, other in ((choices, scores), naive)]
    return compare_replayed(*made, replay, Terms(scalar=scalar_named("fp32"), arguments=(STEPS,)))


def test_the_same_choices_pass_without_a_word():
    found = verdict((2, 0), (5.0, 14.0))
    assert found.passed
    assert not found.notes


def test_a_tie_within_rounding_passes_and_is_explained():
    found = verdict((1, 0), (5.0, 14.0))
    assert found.passed
    (note,) = found.notes
    assert note.startswith("a tie: output[0] differs in 1 of 2 numbers, from [0] on; choices fall short of the best")


def test_a_worse_choice_does_not():
    found = verdict((2, 2), (5.0, 8.0))
    assert "1 of 2 choices are worse than the best, by up to 6" in found.reason


def test_a_right_choice_with_a_wrong_score_does_not():
    assert "output[1]: the largest error is 1" in verdict((2, 0), (5.0, 13.0)).reason


def test_the_error_of_the_reference_is_that_of_its_own_choices():
    assert verdict((2, 0), (5.0, 14.0009), naive=((1, 0), (5.0, 14.0005))).passed
    assert not verdict((2, 0), (5.0, 14.0015), naive=((1, 0), (5.0, 14.0005))).passed


def test_a_choice_that_is_none_cannot_be_followed():
    assert "cannot be followed" in verdict((2, 7), (5.0, 14.0)).reason


def test_what_could_not_be_chosen_is_worse_than_anything():
    impossible = torch.tensor([0.0, -torch.inf])

    def scored(outputs, slack, steps):
        chosen = impossible[outputs[0]]
        return Replayed((outputs[0], torch.zeros(1)), chosen, torch.zeros(1))

    made = (torch.tensor([1]), torch.zeros(1)), (torch.tensor([0]), torch.zeros(1))
    terms = Terms(scalar=scalar_named("fp32"), arguments=(STEPS,), impostors=False)
    assert "choices are worse than the best, by up to inf" in compare_replayed(*made, scored, terms).reason
