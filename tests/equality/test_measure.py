"""Distances between tensors."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.equality import measure


def test_ulps_count_the_numbers_between():
    one = torch.tensor([1.0, -1.0, 0.0, 5.0])
    stepped = torch.nextafter(torch.nextafter(one, torch.tensor(9.0)), torch.tensor(9.0))
    assert measure.largest_ulps(stepped, one.double()) == 2
    assert measure.largest_ulps(torch.tensor([-0.0]), torch.tensor([0.0]).double()) == 0


@given(st.floats(width=16, allow_nan=False, allow_infinity=False))
def test_neighbours_are_one_ulp_apart_across_zero_and_binades(value):
    here = torch.tensor([value], dtype=torch.float16)
    bigger = torch.nextafter(here.float().half(), torch.tensor([torch.inf], dtype=torch.float16))
    assert measure.largest_ulps(bigger, here.double()) == (1 if bigger.isfinite().all() else 0)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20))
def test_an_output_is_no_ulp_from_its_own_rounding(values):
    oracle = torch.tensor(values, dtype=torch.float64)
    assert measure.largest_ulps(oracle.float(), oracle) == 0


def test_elements_that_are_not_finite_count_as_no_difference():
    got = torch.tensor([math.nan, math.inf, 1.0, 2.0])
    oracle = torch.tensor([1.0, math.inf, math.nan, 2.5], dtype=torch.float64)
    assert measure.differences(got, oracle).tolist() == [0.0, 0.0, 0.0, 0.5]


def test_errors_take_the_worst_element_the_norm_and_the_worst_row():
    oracle = torch.tensor([[3.0, 4.0], [0.03, 0.04]], dtype=torch.float64)
    found = measure.errors(torch.tensor([[0.3, 0.4], [0.03, 0.0]]).double(), oracle, tiny=0.0)
    assert found.largest == 0.4 or math.isclose(found.largest, 0.4, rel_tol=1e-6)
    assert math.isclose(found.norm, math.sqrt(0.25 + 0.0009), rel_tol=1e-6)
    assert math.isclose(found.worst_row, 0.6, rel_tol=1e-6)


def test_a_wrong_row_of_zeros_is_infinitely_off_and_a_right_one_not_at_all():
    zeros = torch.zeros(2, 3, dtype=torch.float64)
    assert measure.errors(zeros, zeros, tiny=0.0).worst_row == 0
    assert measure.errors(zeros + 1, zeros, tiny=0.0).worst_row == math.inf


def test_what_subnormals_cannot_resolve_is_no_error_of_a_row():
    oracle = torch.full((1, 4), 2.0**-26, dtype=torch.float64)
    assert measure.errors(oracle.clone(), oracle, tiny=2.0**-24).worst_row == 0


def test_relative_errors_and_ulps_leave_out_what_the_floor_does_not_resolve():
    oracle = torch.tensor([1e-12, 2.0], dtype=torch.float64)
    got = torch.tensor([0.0, 2.002])
    found = measure.differences(got, oracle)
    assert math.isclose(measure.largest_relative(found, oracle, 1e-6), 0.001, rel_tol=1e-4)
    assert measure.largest_relative(found, oracle, 0.0) == 1
    assert measure.largest_ulps(got, oracle, 1e-6) < measure.largest_ulps(got, oracle)


@pytest.mark.parametrize("shape", [(0,), (3, 0)])
def test_empty_tensors_have_no_errors(shape):
    empty = torch.empty(shape, dtype=torch.float64)
    assert measure.errors(empty, empty, tiny=0.0).largest == 0
    assert measure.magnitude(empty).count == 0
    assert measure.largest_relative(empty, empty, 0.0) == 0
    assert measure.largest_ulps(empty.float(), empty) == 0
