"""Running cases: one failure leaves the others, launches are held against what the suite says."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

import harness.counted
import harness.run
import harness.timing
from harness.errors import FuseproofError
from harness.results.counts import Counts
from harness.results.record import Profile, Variant
from harness.run import Counting, Job, run_jobs
from harness.suite import suite
from harness.sweep import Sweep


def jobs_of(reference=torch.neg, launches=None):
    @suite(fused=torch.neg, reference=reference, launches=launches, sweep=Sweep(batch=(1, 2, 3), dtype="fp32"))
    def negated(case):
        return case.randn(case.batch)

    return [Job(negated, case) for case in negated.cases()]


@pytest.fixture
def profiled(monkeypatch):
    """The names of the profiles that were taken; each says one launch."""
    names = []

    def profiles(function, inputs, case, side, device, ways):
        made = []
        for way in ("eager", *ways):
            names.append(f"{case} {side} {way}")
            profile = Profile(names[-1], "modelled", 1, 1, 0, 0, 1.0, 2.0, 1.0, 0.0, 0, 0.0, None, ())
            made.append(Variant(side, way, profile))
        return tuple(made)

    monkeypatch.setattr(harness.run, "_profiles", profiles)
    return names


def test_equality_comes_first_and_profiles_only_where_asked_for(plain_device, profiled):
    run = run_jobs(jobs_of(), plain_device, profiles=False)
    assert [result.verdict.passed for result in run.results] == [True] * 3
    assert profiled == []
    run = run_jobs(jobs_of()[:1], plain_device, profiles=True)
    assert profiled == ["negated[fp32-b1] fused eager", "negated[fp32-b1] reference eager"]
    assert run.results[0].wall_speedup == 1.0
    assert run.results[0].variants == ()


def test_further_ways_are_of_both_functions_and_torch_compile_of_the_reference(plain_device, profiled):
    run = run_jobs(jobs_of()[:1], plain_device, profiles=True, ways=("graph", "compile"))
    assert profiled == [
        *(f"negated[fp32-b1] fused {way}" for way in ("eager", "graph")),
        *(f"negated[fp32-b1] reference {way}" for way in ("eager", "graph", "compile")),
    ]
    assert [(variant.side, variant.way) for variant in run.results[0].every_variant] == [
        ("reference", "eager"),
        ("reference", "graph"),
        ("reference", "compile"),
        ("fused", "eager"),
        ("fused", "graph"),
    ]


def test_a_case_that_fails_is_not_profiled(plain_device, profiled):
    run = run_jobs(jobs_of(reference=torch.clone), plain_device, profiles=True)
    assert not any(result.verdict.passed for result in run.results)
    assert profiled == []


@pytest.mark.parametrize("error", [FuseproofError("no rule"), RuntimeError("no rule")])
def test_what_a_reference_raises_fails_its_case_alone(plain_device, profiled, error):
    def reference(x):
        if len(x) == 2:
            raise error
        return -x

    done = []
    run = run_jobs(jobs_of(reference), plain_device, profiles=False, done=done.append)
    assert [result.verdict.passed for result in run.results] == [True, False, True]
    assert "no rule" in run.results[1].verdict.reason
    assert done == list(run.results)


def test_the_number_of_launches_must_be_the_suite_s(plain_device, profiled):
    run = run_jobs(jobs_of(launches=lambda case: case.batch), plain_device, profiles=True)
    assert [result.verdict.reason for result in run.results] == [
        "",
        "the fused function launched 1 kernels, not 2",
        "the fused function launched 1 kernels, not 3",
    ]


def test_on_the_vgpu_launches_are_counted_without_asking_for_times(plain_device, profiled, monkeypatch):
    monkeypatch.setattr(harness.timing, "launches", lambda function, inputs, *, name, device: 1)
    device = replace(plain_device, vgpu=_Modes())
    run = run_jobs(jobs_of(launches=2)[:1], device, profiles=False)
    assert profiled == []
    assert run.results[0].verdict.reason == "the fused function launched 1 kernels, not 2"
    assert not run.results[0].verdict.passed
    assert run.results[0].fused is None


def test_a_second_run_goes_through_blocks_and_warps_the_other_way(plain_device):
    device = replace(plain_device, vgpu=_Modes())
    run_jobs(jobs_of()[:1], device, profiles=False)
    assert [(mode.checked, mode.reverse) for mode in device.vgpu.used[:2]] == [(True, False), (True, True)]


@pytest.fixture
def counted(monkeypatch):
    """What was counted, by case and sample; a call has no kernels."""
    calls = []

    def count_case(suite, case, device, *, sample, by_line):
        calls.append((repr(case), sample))
        return harness.counted.Run(repr(case), device.label, "Tesla T4", (), 64)

    monkeypatch.setattr(harness.counted, "count_case", count_case)
    return calls


def test_counters_are_taken_where_they_are_asked_for_and_kept(plain_device, counted):
    run = run_jobs(jobs_of(), plain_device, profiles=False)
    assert [result.counts for result in run.results] == [None] * 3
    assert counted == []
    run = run_jobs(jobs_of()[:2], plain_device, profiles=False, counters=Counting(sample=8))
    assert [result.counts for result in run.results] == [Counts((), 64)] * 2
    assert counted == [("negated[fp32-b1]", 8), ("negated[fp32-b2]", 8)]


def test_a_case_that_fails_is_not_counted(plain_device, counted):
    run = run_jobs(jobs_of(reference=torch.clone), plain_device, profiles=False, counters=Counting())
    assert [result.counts for result in run.results] == [None] * 3
    assert counted == []


def test_the_budget_of_launches_is_kept_whether_or_not_a_case_holds(plain_device, profiled):
    for launches, budget in ((1, 1), (2, 2), (None, None), (lambda case: case.batch, 1)):
        run = run_jobs(jobs_of(launches=launches)[:1], plain_device, profiles=True)
        assert run.results[0].launch_budget == budget


class _Modes:
    """A vgpu that notes the modes it is asked for."""

    def __init__(self):
        self.used = []

    def using(self, mode):
        self.used.append(mode)
        return nullcontext()

    def poisoning(self, byte):
        return nullcontext()
