"""Runs as JSON."""

import json
import math
from dataclasses import replace

import pytest

from harness.errors import FuseproofError
from harness.results import store
from harness.results.counts import Counts, KernelCounts
from harness.results.record import CaseResult, KernelShare, Mismatch, Profile, Run, Verdict

PROFILE = Profile("r", "modelled", 2, 2, 0, 1, 3.5, 8.0, 4.0, 2.0, 1, 2.0, None, (KernelShare("k", 2, 4.0),))
FAILED = Verdict(False, "output has 1 NaN", 0.5, math.inf, 3.0, math.nan, 0.25, 1,
                 Mismatch("output", (1, 2), 1.5, math.nan, 1.25))  # fmt: skip
PASSED = Verdict(True, "", 0.0, 0.0, 0.0, 0.0, 0.0, 0, None)
KERNEL = KernelCounts("gelu", 2, (8, 1, 1), (128, 1, 1), 32, None, 0, 16, 4, 10, 10, 0, 0, 512, 256)
AXES = {"batch": 8, "dtype": "fp16", "mask": "causal"}
RUN = Run(
    "vgpu:T4", "Tesla T4 (virtual)", "modelled", {"torch": "2"},
    (
        CaseResult("gelu", "fp16-b8-causal", AXES, "fp16", 0, PASSED, PROFILE, replace(PROFILE, dram_bytes=7),
                   launch_budget=2, counts=Counts((KERNEL,), None, "torch moves a part")),
        CaseResult("gelu", "fp16-b8-causal", AXES, "fp16", 0, FAILED, None, None),
    ),
)  # fmt: skip


def test_a_run_comes_back_as_it_was_saved(tmp_path):
    store.save(RUN, tmp_path / "deep" / "run.json")
    loaded = store.load(tmp_path / "deep" / "run.json")
    assert repr(loaded) == repr(RUN)  # NaN is not equal to itself, its text is
    assert isinstance(loaded.results[0].reference, Profile)
    assert loaded.results[1].verdict.first.index == (1, 2)
    assert loaded.results[0].counts == RUN.results[0].counts


def test_a_run_is_read_from_its_folder(tmp_path):
    store.save(RUN, tmp_path / "results.json")
    assert repr(store.load(tmp_path)) == repr(RUN)


def test_a_run_of_format_1_is_read_without_budgets_and_counters(tmp_path):
    content = json.loads(store.to_json(RUN)) | {"format": 1}
    for result in content["run"]["results"]:
        del result["launch_budget"], result["counts"]
    (tmp_path / "run.json").write_text(json.dumps(content))
    loaded = store.load(tmp_path / "run.json")
    assert [(result.launch_budget, result.counts) for result in loaded.results] == [(None, None)] * 2
    assert loaded.results[0].fused == RUN.results[0].fused


def test_the_file_is_strict_json_with_sorted_keys():
    def refuse(constant):
        raise AssertionError(constant)

    text = store.to_json(RUN)
    assert json.loads(text, parse_constant=refuse)["format"] == store.FORMAT
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True)


def test_one_result_travels_as_plain_data():
    plain = store.result_to_plain(RUN.results[1])
    assert json.loads(json.dumps(plain)) == plain
    assert repr(store.result_from_plain(plain)) == repr(RUN.results[1])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is no JSON of a run"),
        ("[]", "is no run of format 1, 2: was it written by another version"),
        ('{"format": 99}', "is no run of format"),
        ('{"format": 2}', "holds no whole run"),
        ('{"format": 2, "run": []}', "holds no whole run"),
        ('{"format": 2, "run": {"device": "vgpu:T4"}}', "holds no whole run"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path, content, complaint):
    path = tmp_path / "run.json"
    path.write_text(content)
    with pytest.raises(FuseproofError, match=complaint):
        store.load(path)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(FuseproofError, match=r"no run can be read from .*results.json: No such file"):
        store.load(tmp_path)
    with pytest.raises(FuseproofError, match=r"no run can be read from .*none.json: No such file"):
        store.load(tmp_path / "none.json")
