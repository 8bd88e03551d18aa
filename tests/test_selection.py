"""The options that choose cases, as the command line and pytest give them."""

import pytest
import torch

from harness.errors import FuseproofError
from harness.selection import select
from harness.suite import suite
from harness.sweep import Sweep


@pytest.fixture
def negated():
    @suite(fused=torch.neg, reference=torch.neg, sweep=Sweep(batch=(1, 8), hidden=(7, 32), dtype=("fp16", "fp32")))
    def negated(case):
        return case.randn(case.batch)

    return negated


def ids(jobs):
    return [job.id for job in jobs]


def test_without_options_every_case_is_chosen(negated):
    assert len(select().jobs([negated])) == 8


def test_options_replace_axes_and_the_keyword_filters(negated):
    selection = select(batch="3,4", dtype="fp16", axis=["hidden=5"], keyword="b4", seed=2)
    assert ids(selection.jobs([negated])) == ["negated[fp16-b4-hidden5]"]
    assert selection.jobs([negated])[0].case.seed == 2


def test_options_apply_on_top_of_a_quick_selection(negated):
    assert ids(select(batch="2", quick=True).jobs([negated])) == [
        "negated[fp16-b2-hidden7]",
        "negated[fp32-b2-hidden7]",
    ]


def test_few_families_run_once_at_the_first_size_of_each_part_of_the_edges_dtypes_by_turns():
    edges = Sweep(batch=(2, 3), dtype=("fp16", "fp32")) + Sweep(batch=9001, dtype=("fp16", "fp32"))
    families = {"input": ("large", "sorted", "nan")}

    @suite(fused=torch.neg, reference=torch.neg, sweep=Sweep(batch=1, dtype="fp32"), edges=edges, families=families)
    def negated(case):
        return case.randn(case.batch)

    assert ids(select(family="few").jobs([negated])) == [
        "negated[fp32-b1]",
        *(f"negated[{name}]" for name in ("fp16-b2-large", "fp16-b2-nan", "fp32-b2-sorted")),
        *(f"negated[{name}]" for name in ("fp16-b9001-large", "fp16-b9001-nan", "fp32-b9001-sorted")),
    ]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"dtype": "fp17"}, "no dtype is called 'fp17'"),
        ({"batch": "1,,2"}, "is no comma list"),
        ({"batch": "0"}, "from 1 up"),
        ({"axis": ["hidden"]}, "takes NAME=VALUES"),
    ],
)
def test_wrong_texts_are_refused(options, complaint):
    with pytest.raises(FuseproofError, match=complaint):
        select(**options)


def test_an_axis_that_no_suite_has_is_refused(negated):
    with pytest.raises(FuseproofError, match="no suite has an axis hiden: there are batch, dtype, hidden"):
        select(axis=["hiden=5"]).jobs([negated])


def test_choosing_nothing_is_refused(negated):
    with pytest.raises(FuseproofError, match="no case of negated matches 'b9'"):
        select(keyword="b9").jobs([negated])
