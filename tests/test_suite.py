"""The `@suite` decorator."""

from pathlib import Path

import pytest
import torch

from harness.errors import FuseproofError
from harness.suite import Suite, Tolerance, suite
from harness.sweep import Sweep


def make_negated():
    @suite(
        fused=torch.neg, reference=torch.neg, launches=lambda case: case.batch, sweep=Sweep(batch=(1, 8), dtype="fp16")
    )
    def negated(case):
        return case.randn(case.batch)

    return negated


def test_a_decorated_function_becomes_a_suite_with_its_name_place_and_cases():
    negated = make_negated()
    assert isinstance(negated, Suite)
    assert negated.name == "negated"
    assert negated.path == Path(__file__)
    assert [repr(case) for case in negated.cases()] == ["negated[fp16-b1]", "negated[fp16-b8]"]
    assert [case.seed for case in negated.cases({"batch": (3,)}, seed=5)] == [5]


def test_a_single_tensor_is_the_only_input_and_the_same_each_time():
    negated = make_negated()
    case = negated.cases()[1]
    (once,), (again,) = negated.inputs(case), negated.inputs(case)
    assert once.shape == (8,)
    assert torch.equal(once, again)


def test_expected_launches_may_depend_on_the_case():
    negated = make_negated()
    assert [negated.expected_launches(case) for case in negated.cases()] == [1, 8]


def test_an_exception_to_the_tolerance_needs_its_reason():
    with pytest.raises(FuseproofError, match="needs its reason"):
        Tolerance(factor=4, because=" ")
