"""Whole numbers: equal, one step apart where rounding explains it, or tied."""

import torch

from harness.dtypes import scalar_named
from harness.equality.compare import Terms, compare
from harness.equality.rules import Exact, Ties

FP16, FP32 = scalar_named("fp16"), scalar_named("fp32")


def quantized(size=10_000, dtype=torch.float64):
    values = torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) * 40
    return values.to(dtype).round().clamp(-128, 127).to(torch.int8)


def test_int8_may_be_one_step_off_as_often_as_rounding_explains():
    right, rounded = quantized(), quantized(dtype=torch.float16)
    assert (right != rounded).any()
    assert compare(rounded, right, right, Terms(scalar=FP16)).passed
    verdict = compare(rounded, right, right, Terms(scalar=FP32))
    assert "is one step off in" in verdict.reason


def test_int8_may_not_be_two_steps_off_anywhere():
    right, wrong = quantized(), quantized()
    wrong[7] += 2
    verdict = compare(wrong, right, right, Terms(scalar=FP16))
    assert "output is more than one step off in 1 of 10000 elements" in verdict.reason
    assert verdict.first.index == (7,)


def test_int8_that_is_always_rounded_down_fails():
    values = torch.randn(10_000, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) * 40
    down, right = values.floor().to(torch.int8), values.round().to(torch.int8)
    assert not compare(down, right, right, Terms(scalar=FP16)).passed


def test_a_suite_may_ask_for_exact_int8():
    right, rounded = quantized(), quantized(dtype=torch.float16)
    assert not compare(rounded, right, right, Terms(scalar=FP16, rules={"output": Exact()})).passed


def top(x, k=3):
    return torch.topk(x, k).indices


def ties(x):
    return Terms(scalar=FP32, arguments=(x,), rules={"output": Ties(lambda x: x)})


def test_tied_candidates_may_change_places():
    x = torch.tensor([[1.0, 5.0, 5.0, 5.0, 0.0]])
    verdict = compare(torch.tensor([[3, 1, 2]]), torch.tensor([[1, 2, 3]]), torch.tensor([[2, 3, 1]]), ties(x))
    assert verdict.passed


def test_other_candidates_may_not():
    x = torch.tensor([[1.0, 5.0, 4.0, 3.0, 0.0]])
    verdict = compare(torch.tensor([[1, 3, 2]]), top(x), top(x.double()), ties(x))
    assert "names other candidates, not tied, in 2 of 3 elements" in verdict.reason
    assert verdict.first.index == (0, 1)


def test_an_index_twice_or_outside_is_wrong_whatever_is_tied():
    x = torch.full((1, 4), 2.5)
    right = top(x)
    assert "holds an index twice" in compare(torch.tensor([[1, 1, 2]]), right, right, ties(x)).reason
    assert "outside of 0 to 3" in compare(torch.tensor([[1, 4, 2]]), right, right, ties(x)).reason
