"""Cases: their axes, and inputs that depend on nothing but seed, suite, case and call."""

import pytest
import torch

from harness.case import Case

AXES = {"dtype": "fp16", "batch": 4, "seq": 32, "hidden": 7}


@pytest.fixture
def case():
    return Case("some", AXES, seed=3)


def test_axes_are_attributes(case):
    assert (case.batch, case.seq, case.hidden, case.tokens, case.dtype) == (4, 32, 7, 128, torch.float16)
    assert case.id == "fp16-b4-s32-hidden7"
    with pytest.raises(AttributeError, match="no axis 'width': it has dtype, batch, seq, hidden"):
        _ = case.width


def test_the_same_case_makes_the_same_inputs_and_each_call_others(case):
    first, second = case.randn(100), case.randn(100)
    assert not torch.equal(first, second)
    assert torch.equal(first, Case("some", AXES, seed=3).randn(100))


@pytest.mark.parametrize(
    "other", [Case("some", AXES, seed=4), Case("other", AXES, seed=3), Case("some", {**AXES, "batch": 5}, seed=3)]
)
def test_seed_suite_and_axes_change_the_inputs(case, other):
    assert not torch.equal(case.randn(100), other.randn(100))


def test_starting_again_repeats_the_inputs(case):
    first = case.randn(5)
    case.start("cpu")
    assert torch.equal(first, case.randn(5))


def test_values_are_rounded_from_fp32_to_the_dtype(case):
    exact = Case("some", {**AXES, "dtype": "fp32"}, seed=3)
    exact.id = case.id
    assert torch.equal(case.randn(1000, mean=1.0, std=0.1), exact.randn(1000, mean=1.0, std=0.1).half())


def test_uniform_values_fill_their_range(case):
    values = case.rand(1000, low=-2.0, high=3.0)
    assert -2.0 <= values.min() < -1.5
    assert 2.5 < values.max() <= 3.0


def test_lengths_leave_no_sequence_empty_and_the_first_one_not_full(case):
    lengths = case.lengths()
    assert lengths[0] == 24
    assert lengths.min() >= 1
    assert lengths.max() <= 32


def test_masks_mark_the_valid_tokens_and_only_them(case):
    mask = case.mask()
    assert mask.shape == (4, 32)
    assert mask[0].sum() == 24
    assert mask[:, 0].all()
    case.start("cpu")
    additive = case.additive_mask()
    assert torch.equal(additive[:, 0, 0] == 0, mask)
    assert additive.dtype == torch.float16
