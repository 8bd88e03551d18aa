"""Runs cases: equality first, then, where it holds and times were asked for, a profile of each variant.

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
from harness.results.record import CaseResult, Profile, Run, Verdict
from harness.suite import Suite


@dataclass(frozen=True, slots=True)
class Job:
    """One case to run."""

    suite: Suite
    case: Case

    @property
    def id(self) -> str:
        return repr(self.case)


def run_jobs(
    jobs: Sequence[Job], device: Device, *, profiles: bool, done: Callable[[CaseResult], Any] = lambda result: None
) -> Run:
    """Run every job; `done` is called after each with its result."""
    results = []
    for job in jobs:
        results.append(run_case(job.suite, job.case, device, profiles=profiles))
        done(results[-1])
    return assemble(device, results)


def assemble(device: Device, results: Iterable[CaseResult]) -> Run:
    """The record of a run on this device."""
    return Run(device.label, device.name, device.source, environment(device), tuple(results))


def run_case(suite: Suite, case: Case, device: Device, *, profiles: bool) -> CaseResult:
    """One case. A suite or reference that raises is a failed verdict as well."""
    from harness.equality.check import check
    from harness.equality.compare import failure

    reference = fused = None
    try:
        verdict = check(suite, case, device)
        if verdict.passed and not case.family and (profiles or _countable(suite, device)):
            inputs = suite.inputs(case, device.torch)
            counted = _profile(suite.fused, inputs, f"{case!r} fused", device)
            verdict = _with_launches(verdict, suite, case, counted.launches)
            if profiles:
                reference, fused = _profile(suite.reference, inputs, f"{case!r} reference", device), counted
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
        reference=reference,
        fused=fused,
        family=case.family,
    )


def _countable(suite: Suite, device: Device) -> bool:
    """Whether launches are counted where no times were asked for: on the vgpu, where one more run does it."""
    return suite.launches is not None and device.vgpu is not None


def _profile(function: Callable[..., Any], inputs: tuple[Any, ...], name: str, device: Device) -> Profile:
    """Launches and times of one variant in its own NVTX range."""
    from harness.timing import profile

    return profile(function, inputs, name=name, device=device)


def _with_launches(verdict: Verdict, suite: Suite, case: Case, launches: int) -> Verdict:
    """The verdict, turned if the fused function launched another number of kernels than its suite says."""
    expected = suite.expected_launches(case)
    if expected is None or launches == expected:
        return verdict
    return replace(verdict, passed=False, reason=f"the fused function launched {launches} kernels, not {expected}")
