"""Drawn cases: they reach every shape and family, and a failing one shrinks to the smallest, with a line to repeat it."""

import shlex

import torch
from hypothesis import given, settings

from harness.discovery import find_suites
from harness.equality.families import ORDINARY, VIEWS
from harness.equality.strategies import cases, smallest_failure
from harness.equality.tensors import argument_names
from harness.results.explain import explain
from harness.search import search
from harness.selection import select
from harness.suite import suite
from harness.sweep import Sweep


def made(fused):
    @suite(
        fused=fused,
        reference=lambda x, bias: x + bias,
        sweep=Sweep(batch=(1, 8), hidden=(32, 1024), mode="fast", dtype=("fp32", "fp16")),
        edges=Sweep(batch=3, hidden=264, mode="exact"),
        families={"x": (*ORDINARY, "nan", *VIEWS), "bias": ORDINARY},
    )
    def added(case):
        return case.randn(case.batch, case.hidden), case.randn(case.hidden)

    return added


def added(x, bias):
    return x + bias


def forgets_the_tail(x, bias):
    out = x + bias
    whole = x.shape[1] // 8 * 8
    if x.shape[1] > 32:
        out[:, whole:] = 0
    return out


def compares_nan(x, bias):
    return torch.where(x > -1e30, x + bias, torch.zeros_like(x))


SUITES = [made(added)]  # in a list: pytest collects suites that a module names


@given(case=cases(SUITES[0]))
@settings(max_examples=30)
def test_drawn_cases_stay_within_the_suite_s_axes(case):
    assert set(case.axes) == {"dtype", "batch", "hidden", "mode"}
    assert 1 <= case.batch <= 8
    assert 1 <= case.hidden <= 300
    assert case.axes["mode"] in ("fast", "exact")
    assert case.family in ("", *SUITES[0].family_names())


def test_a_right_function_has_no_failing_case(plain_device):
    (result,) = search(SUITES, plain_device, examples=20)
    assert result.verdict.passed


def test_a_failing_case_shrinks_and_its_line_selects_it_again(plain_device):
    broken = made(forgets_the_tail)
    (result,) = search([broken], plain_device, examples=60)
    assert result.axes == {"dtype": "fp32", "batch": 1, "hidden": 33, "mode": "fast"}
    assert (result.family, result.seed) == ("", 0)
    again = explain(result).splitlines()[-1].split(maxsplit=1)[1]
    assert (
        again == "fuseproof check added --dtype fp32 --batch 1 --axis hidden=33 --axis mode=fast --family none --seed 0"
    )
    words = shlex.split(again)
    selection = select(
        batch="1", dtype="fp32", axis=["hidden=33", "mode=fast"], family=words[words.index("--family") + 1]
    )
    assert [job.case.axes for job in selection.jobs([broken])] == [result.axes]
    assert "columns >= 32 of 33: the tail" in "".join(result.verdict.hints)


def test_the_family_that_it_takes_is_in_the_line(plain_device):
    (result,) = search([made(compares_nan)], plain_device, examples=60)
    assert result.family == "nan"
    assert "--family nan --seed 0" in explain(result)


def test_sizes_are_searched_without_a_device():
    found = smallest_failure(SUITES[0], lambda case: case.hidden >= 255 and case.dtype == torch.float16, examples=500)
    assert found.axes == {"dtype": "fp16", "batch": 1, "hidden": 255, "mode": "fast"}


def test_shipped_suites_declare_families_edges_and_only_arguments_that_exist():
    for shipped in find_suites():
        assert shipped.edges
        assert shipped.family_names()
        assert set(shipped.families) <= set(argument_names(shipped.reference))
