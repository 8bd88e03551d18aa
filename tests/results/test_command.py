"""Which results of a stored run a report is made of."""

from dataclasses import replace

import pytest

from harness.errors import FuseproofError
from harness.results import store
from harness.results.command import chosen
from harness.results.record import CaseResult, Run, Verdict

PASSED = Verdict(True, "", 0.0, 0.0, 0.0, 0.0, 0.0, 0, None)
RUN = Run("vgpu:T4", "Tesla T4 (virtual)", "modelled", {}, tuple(
    CaseResult(suite, f"{dtype}-b{batch}", {"dtype": dtype, "batch": batch}, dtype, 0, PASSED, None, None)
    for suite, dtype, batch in (("gelu", "fp16", 1), ("gelu", "fp16", 8), ("gelu", "fp32", 8), ("norm", "fp32", 8))
))  # fmt: skip


@pytest.fixture
def ids(tmp_path):
    store.save(RUN, tmp_path / "results.json")
    return lambda *wanted, **more: [result.id for result in chosen(tmp_path, *wanted, **more).results]


def test_without_options_all_are_chosen(ids):
    assert ids() == ["gelu[fp16-b1]", "gelu[fp16-b8]", "gelu[fp32-b8]", "norm[fp32-b8]"]


def test_suites_dtypes_and_a_part_of_the_id_choose_together(ids):
    assert ids(["gelu"]) == ["gelu[fp16-b1]", "gelu[fp16-b8]", "gelu[fp32-b8]"]
    assert ids(["norm", "gelu"], "fp32") == ["gelu[fp32-b8]", "norm[fp32-b8]"]
    assert ids(dtype="fp16, fp32", keyword="b8") == ["gelu[fp16-b8]", "gelu[fp32-b8]", "norm[fp32-b8]"]
    assert ids(keyword="norm[") == ["norm[fp32-b8]"]


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"suites": ["soft"]}, "results.json holds no result of suite 'soft': it holds gelu, norm"),
        ({"dtype": "fp64"}, "holds no result of dtype 'fp64': it holds fp16, fp32"),
        ({"suites": ["norm"], "dtype": "fp16"}, "no result of .* matches: its ids read like gelu.fp16-b1"),
        ({"keyword": "b99"}, "no result of .* matches"),
    ],
)
def test_what_chooses_nothing_is_one_sentence_that_says_what_there_is(tmp_path, wanted, sentence):
    store.save(RUN, tmp_path / "results.json")
    with pytest.raises(FuseproofError, match=sentence):
        chosen(tmp_path / "results.json", **wanted)


def test_a_run_without_results_says_so(tmp_path):
    store.save(replace(RUN, results=()), tmp_path / "results.json")
    with pytest.raises(FuseproofError, match="matches: it holds none"):
        chosen(tmp_path)
