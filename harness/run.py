"""Runs cases: equality first, then, where it holds and times were asked for, profiles of both functions.

In: suites with their cases, and the open device. Out: a `CaseResult` for each, whatever goes
wrong in others, and a `Run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.case import Case
from harness.device import Device
from harness.device.environment import environment
from harness.errors import FuseproofError
from harness.results.counts import Counts
from harness.results.record import CaseResult, Profile, Run, Side, Variant, Verdict, Way
from harness.suite import Suite


@dataclass(frozen=True, slots=True)
class Job:
    """One case to run."""

    suite: Suite
    case: Case

    @property
    def id(self) -> str:
        return repr(self.case)


@dataclass(frozen=True, slots=True)
class Counting:
    """That kernels are counted, on the vgpu: in `sample` blocks of each launch, or, where it is 0, in all."""

    sample: int = 0


def run_jobs(
    jobs: Sequence[Job],
    device: Device,
    *,
    profiles: bool,
    ways: Sequence[Way] = (),
    counters: Counting | None = None,
    done: Callable[[CaseResult], Any] = lambda result: None,
) -> Run:
    """Run every job; `done` is called after each with its result."""
    results = []
    for job in jobs:
        results.append(run_case(job.suite, job.case, device, profiles=profiles, ways=ways, counters=counters))
        done(results[-1])
    return assemble(device, results)


def assemble(device: Device, results: Iterable[CaseResult]) -> Run:
    """The record of a run on this device."""
    return Run(device.label, device.name, device.source, environment(device), tuple(results))


def run_case(
    suite: Suite,
    case: Case,
    device: Device,
    *,
    profiles: bool,
    ways: Sequence[Way] = (),
    counters: Counting | None = None,
) -> CaseResult:
    """One case, profiled eagerly and in further ways. A suite or reference that raises is a failed verdict as well."""
    from harness.equality.check import check
    from harness.equality.compare import failure

    variants: tuple[Variant, ...] = ()
    budget = counts = None
    try:
        budget = suite.expected_launches(case)
        verdict = check(suite, case, device)
        if verdict.passed and not case.family and profiles:
            inputs = suite.inputs(case, device.torch)
            ours = _profiles(suite.fused, inputs, repr(case), "fused", device, _but_compile(ways))
            eager = _eager(ours, "fused")
            verdict = _with_launches(verdict, budget, eager.launches if eager else None)
            variants = (*_profiles(suite.reference, inputs, repr(case), "reference", device, ways), *ours)
        elif verdict.passed and not case.family and _countable(suite, device):
            inputs = suite.inputs(case, device.torch)
            verdict = _with_launches(verdict, budget, _launches(suite.fused, inputs, repr(case), device))
        if verdict.passed and counters:
            counts = _counts(suite, case, device, counters)
    except FuseproofError as error:
        verdict = failure(str(error))
    except Exception as error:
        verdict = failure(f"{type(error).__name__}: {error}")
    return CaseResult(
        suite=suite.name,
        case=case.name,
        axes=case.axes,
        dtype=case.scalar.name,
        seed=case.seed,
        verdict=verdict,
        reference=_eager(variants, "reference"),
        fused=_eager(variants, "fused"),
        family=case.family,
        variants=tuple(variant for variant in variants if variant.way != "eager"),
        launch_budget=budget,
        counts=counts,
    )


def _countable(suite: Suite, device: Device) -> bool:
    """Whether launches are counted where no times were asked for: on the vgpu, where one more run does it."""
    return suite.launches is not None and device.vgpu is not None


def _profiles(
    function: Callable[..., Any], inputs: tuple[Any, ...], case: str, side: Side, device: Device, ways: Sequence[Way]
) -> tuple[Variant, ...]:
    """Launches and times of one function, called and in further ways, each in its own NVTX range."""
    from harness.timing import profiles

    return profiles(function, inputs, name=f"{case} {side}", side=side, device=device, ways=ways)


def _launches(function: Callable[..., Any], inputs: tuple[Any, ...], case: str, device: Device) -> int:
    """How many kernels one call of the fused function puts on the vgpu."""
    from harness.timing import launches

    return launches(function, inputs, name=f"{case} fused", device=device)


def _but_compile(ways: Sequence[Way]) -> tuple[Way, ...]:
    """The ways of a fused function: torch.compile has nothing to fuse in what PyCUDA launches."""
    return tuple(way for way in ways if way != "compile")


def _eager(variants: Sequence[Variant], side: Side) -> Profile | None:
    return next((one.profile for one in variants if (one.side, one.way) == (side, "eager")), None)


def _counts(suite: Suite, case: Case, device: Device, counters: Counting) -> Counts:
    """Counters of the fused function's kernels, by one more call."""
    from harness.counted import count_case
    from harness.counted.kept import kept

    return kept(count_case(suite, case, device, sample=counters.sample, by_line=False))


def _with_launches(verdict: Verdict, expected: int | None, launches: int | None) -> Verdict:
    """The verdict, turned if the fused function launched another number of kernels than its suite says."""
    if expected is None or launches is None or launches == expected:
        return verdict
    reason = f"the fused function launched {launches} kernels, not {expected}"
    return replace(verdict, passed=False, reason=reason)
