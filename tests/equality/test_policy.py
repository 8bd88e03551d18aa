"""The rule: twice the naive error plus the floor."""

import pytest

from harness.dtypes import SCALARS, scalar_named
from harness.equality.policy import Errors, Magnitude, allowed, excess, floors, relative_floor

FP16, FP32 = scalar_named("fp16"), scalar_named("fp32")


def test_the_floor_is_one_rounding_of_the_output_plus_the_sum_s_random_walk():
    assert relative_floor(FP16, 1) == 2**-11 + 2**-24
    assert relative_floor(FP32, 1024) == 2**-24 + 32 * 2**-24
    assert relative_floor(scalar_named("fp64"), 1) == 2**-52


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda scalar: scalar.name)
def test_a_correctly_rounded_output_is_always_within_the_floor(scalar):
    import torch

    oracle = torch.randn(10_000, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    error = (oracle.to(scalar.torch).double() - oracle).abs().max().item()
    assert error <= floors(scalar, 1, Magnitude(oracle.abs().max().item(), 1.0, 10_000)).largest


def test_below_the_smallest_normal_number_the_floor_is_absolute():
    assert floors(FP16, 1, Magnitude(0.0, 0.0, 4)) == Errors(2**-25, 2**-24, relative_floor(FP16, 1))


def test_allowed_is_the_factor_times_the_naive_error_plus_the_floor():
    assert allowed(2.0, Errors(1.0, 2.0, 0.5), Errors(0.1, 0.2, 0.01)) == Errors(2.1, 4.2, 1.01)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Errors(1.0, 1.0, 1.0), ""),
        (Errors(1.1, 9.0, 9.0), "the largest error is 1.1, allowed 1"),
        (Errors(1.0, 1.1, 9.0), "the norm of the errors is 1.1"),
        (Errors(1.0, 1.0, 1.1), "a row is off by 1.1 of its length"),
        (Errors(float("nan"), 0.0, 0.0), "the largest error is nan"),
    ],
)
def test_every_measure_must_hold(found, words):
    assert excess(found, Errors(1.0, 1.0, 1.0)).startswith(words)
    assert bool(excess(found, Errors(1.0, 1.0, 1.0))) == bool(words)
