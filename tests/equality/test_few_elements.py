"""Outputs of few elements, where one naive error, or one value near zero, is luck. Functions here are pure torch."""

import pytest
import torch

from harness.equality.check import check
from harness.suite import suite
from harness.sweep import Sweep

STEP = 2.0**-10  # of FP32 numbers near 10,000
EXACT = 3.0  # a multiple of it: the reference below makes no error there


def cancelling(x):
    return (x + 1e4) - 1e4


def verdict_of(fused, value_of, device, *, elements=1):
    @suite(fused=fused, reference=cancelling, sweep=Sweep(batch=elements, dtype="fp32"))
    def cancellation(case):
        return (torch.full((case.batch,), value_of(case.seed)),)

    return check(cancellation, cancellation.cases()[0], device)


def test_a_rounding_that_the_reference_might_have_made_is_allowed(plain_device):
    assert verdict_of(lambda x: x + STEP / 2, lambda seed: EXACT, plain_device).passed


def test_an_error_larger_than_any_rounding_nearby_is_not(plain_device):
    verdict = verdict_of(lambda x: x + 4 * STEP, lambda seed: EXACT, plain_device)
    assert verdict.reason.startswith("output: the largest error is")


def test_many_elements_are_draws_enough(plain_device):
    assert not verdict_of(lambda x: x + STEP / 2, lambda seed: EXACT, plain_device, elements=257).passed


def test_whole_numbers_beside_one_that_is_rounded_are_no_draws(plain_device):
    def with_tokens(function):
        return lambda x: (function(x), torch.arange(300))

    @suite(fused=with_tokens(lambda x: x + STEP / 2), reference=with_tokens(cancelling), sweep=Sweep(dtype="fp32"))
    def score_and_tokens(case):
        return (torch.full((1,), EXACT),)

    assert check(score_and_tokens, score_and_tokens.cases()[0], plain_device).passed


def test_a_value_too_small_to_tell_from_zero_is_drawn_again(plain_device):
    verdict = verdict_of(cancelling, lambda seed: 3.3 if seed else 1e-5, plain_device)
    assert verdict.passed
    assert verdict.notes == ("its inputs are those of seed 1: those of seed 0 are no test",)


@pytest.mark.parametrize("wrong", [torch.zeros_like, torch.ones_like], ids=["zero", "one"])
def test_what_is_drawn_again_still_has_to_be_right(wrong, plain_device):
    assert not verdict_of(wrong, lambda seed: 3.3 if seed else 1e-5, plain_device).passed


def test_a_suite_that_never_gets_other_values_fails(plain_device):
    verdict = verdict_of(cancelling, lambda seed: 1e-5, plain_device)
    assert "a zero output would pass" in verdict.reason
