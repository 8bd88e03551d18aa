"""Sweeps: which cases they make, in which order, and what they refuse."""

import pytest

from harness.errors import FuseproofError
from harness.sweep import Sweep, case_id, parse_values


def ids(sweep):
    return [case_id(axes) for axes in sweep]


def test_cases_are_the_product_of_the_axes_with_the_last_axis_fastest():
    sweep = Sweep(batch=(1, 8), seq=(32, 128), dtype=("fp16", "fp32"))
    assert ids(sweep)[:3] == ["fp16-b1-s32", "fp16-b1-s128", "fp16-b8-s32"]
    assert len(sweep) == 8


def test_further_axes_are_named_in_the_id_and_words_stand_alone():
    assert ids(Sweep(batch=2, seq=3, dtype="fp16", hidden=1021, mask="causal")) == ["fp16-b2-s3-hidden1021-causal"]


def test_adding_sweeps_appends_cases_and_drops_repeated_ones():
    assert ids(Sweep(batch=1, dtype="fp16") + Sweep(batch=(1, 2), dtype="fp16")) == ["fp16-b1", "fp16-b2"]


def test_override_replaces_values_of_the_axes_that_exist():
    sweep = Sweep(batch=(1, 8), dtype=("fp16", "fp32")) + Sweep(hidden=7, dtype="fp32")
    assert ids(sweep.override({"batch": (4,), "dtype": ("fp16",)})) == ["fp16-b4", "fp16-hidden7"]


def test_quick_keeps_the_first_value_of_each_axis_and_all_dtypes():
    assert ids(Sweep(batch=(1, 8), seq=(32, 64)).quick()) == ["fp16-b1-s32", "fp32-b1-s32"]


@pytest.mark.parametrize(
    ("axes", "complaint"),
    [
        ({"dtype": "fp17"}, "no dtype is called 'fp17'"),
        ({"batch": 0}, "from 1 up"),
        ({"seq": "long"}, "from 1 up"),
        ({"hidden": ()}, "no values"),
        ({"rate": 0.5}, "whole numbers or words"),
    ],
)
def test_a_sweep_refuses_values_that_no_case_can_have(axes, complaint):
    with pytest.raises((FuseproofError, TypeError), match=complaint if axes != {"rate": 0.5} else None):
        Sweep(**axes)


def test_comma_lists_hold_numbers_and_words():
    assert parse_values("1, 8,32") == (1, 8, 32)
    assert parse_values("fp16,fp32") == ("fp16", "fp32")
    with pytest.raises(FuseproofError, match="no comma list"):
        parse_values("1,,2")
