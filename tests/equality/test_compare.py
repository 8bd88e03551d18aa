"""Verdicts over outputs."""

import math

import pytest
import torch

from harness.equality.compare import Terms, compare

TERMS = Terms()


@pytest.fixture
def oracle():
    return torch.randn(6, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def verdict_of(got, naive, oracle, terms=TERMS):
    return compare(got, naive, oracle, terms)


def test_a_rounded_oracle_passes_with_its_figures(oracle):
    verdict = verdict_of(oracle.half(), oracle.half(), oracle)
    assert verdict.passed
    assert verdict.reason == ""
    assert verdict.first is None
    assert 0 < verdict.max_abs == verdict.error <= verdict.allowed
    assert verdict.max_ulp == 0


def test_one_wrong_element_fails_with_its_index_expected_got_and_oracle(oracle):
    got = oracle.half()
    got[4, 7] += 1
    verdict = verdict_of(got, oracle.half(), oracle)
    assert not verdict.passed
    assert (verdict.first.output, verdict.first.index, verdict.mismatches) == ("output", (4, 7), 1)
    assert verdict.first.got == got[4, 7].item()
    assert verdict.first.expected == oracle.half()[4, 7].item()
    assert verdict.first.oracle == oracle[4, 7].item()


def test_a_nan_fails_where_the_reference_has_none(oracle):
    got = oracle.half()
    got[5] = math.nan
    verdict = verdict_of(got, oracle.half(), oracle)
    assert "50 NaN where the reference has none" in verdict.reason
    assert verdict.first.index == (5, 0)
    assert math.isnan(verdict.first.got)
    assert verdict.max_abs == math.inf


def test_a_missing_nan_fails(oracle):
    naive, exact = oracle.half(), oracle.clone()
    naive[0, 0], exact[0, 0] = math.nan, math.nan
    assert verdict_of(naive, naive, exact).passed
    assert not verdict_of(oracle.half(), naive, exact).passed


def test_the_sign_of_infinity_matters(oracle):
    naive, exact, got = oracle.half(), oracle.clone(), oracle.half()
    naive[0, 0] = exact[0, 0] = math.inf
    got[0, 0] = -math.inf
    assert not verdict_of(got, naive, exact).passed


def test_where_the_naive_result_overflows_a_finite_one_near_the_oracle_is_right(oracle):
    exact, naive = oracle.clone(), oracle.half()
    exact[0, 0], naive[0, 0] = 60000.0, math.inf
    assert verdict_of(exact.half(), naive, exact).passed


def test_a_row_of_small_numbers_cannot_hide_behind_large_ones(oracle):
    exact = oracle.clone()
    exact[3] *= 1e-3
    got = exact.half()
    got[3] = -got[3]
    verdict = verdict_of(got, exact.half(), exact * 1)
    assert not verdict.passed


def test_many_small_errors_fail_by_their_norm():
    exact = torch.ones(1, 10_000, dtype=torch.float64) * torch.linspace(0.9, 1, 10_000).double()
    got = (exact + 0.9 * 2**-24).float()
    exact_naive = exact.float()
    assert not verdict_of(got + 2**-23, exact_naive, exact).passed


def test_a_larger_naive_error_allows_a_larger_fused_one(oracle):
    naive = (oracle + 0.01).half()
    got = (oracle - 0.015).half()
    assert verdict_of(got, naive, oracle).passed
    assert not verdict_of(got, oracle.half(), oracle).passed
    assert not verdict_of(got, naive, oracle, Terms(factor=1.0)).passed


def test_another_shape_or_dtype_fails(oracle):
    half = oracle.half()
    assert "shape [50, 6]" in verdict_of(half.t(), half, oracle).reason
    assert "torch.float32" in verdict_of(oracle.float(), half, oracle).reason


def test_another_number_of_outputs_fails(oracle):
    half = oracle.half()
    verdict = verdict_of(half, (half, half), (oracle, oracle))
    assert verdict.reason == "the reference returns 2 tensors, the fused function 1"


def test_of_several_outputs_the_wrong_one_is_named(oracle):
    half = oracle.half()
    verdict = verdict_of((half, half + 1), (half, half), (oracle, oracle))
    assert verdict.first.output == "output[1]"


def test_integers_must_be_equal():
    right = torch.arange(6).reshape(2, 3)
    wrong = right.clone()
    wrong[1, 0] = 0
    assert verdict_of(right, right, right).passed
    verdict = verdict_of(wrong, right, right)
    assert (verdict.first.index, verdict.first.expected, verdict.first.got) == ((1, 0), 3.0, 0.0)


def test_an_empty_output_passes():
    empty = torch.empty(0, 7)
    assert verdict_of(empty, empty, empty.double()).passed


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_single_element_passes(shape):
    one = torch.full(shape, 1.5)
    assert verdict_of(one, one, one.double()).passed


def test_a_case_that_zeros_would_pass_fails():
    zeros = torch.zeros(4, 4)
    assert "a zero output would pass" in verdict_of(zeros, zeros, zeros.double()).reason


def test_a_case_whose_reference_is_too_inexact_to_tell_a_constant_fails(oracle):
    exact = 100 + oracle
    naive = (100 - 5 * oracle).float()
    assert "a constant output would pass" in verdict_of(exact.float(), naive, exact).reason


def test_a_case_that_a_copied_input_would_pass_fails(oracle):
    naive = (oracle * 1.3).float()
    verdict = verdict_of(oracle.float(), naive, oracle, Terms(inputs=[(oracle * 0.9).float()]))
    assert "a copy of an input would pass" in verdict.reason


def test_a_constant_that_is_the_right_answer_is_no_impostor():
    ones = torch.ones(3, 1)
    assert verdict_of(ones, ones, ones.double()).passed
