"""The cases of suites, made ready to be run on any number of mutants.

In: jobs and the open device. Out: a `Probe` a case: its remembered inputs and references, the kernels that it launches
with their fingerprints, and what it costs. The unchanged sources must pass every case.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.case import Case
from harness.compiler import Unit
from harness.device import Device
from harness.equality.check import check
from harness.errors import FuseproofError
from harness.kernel import compiled_by
from harness.mutation.ptx import Compiled, compile_ptx
from harness.mutation.remembered import remembering
from harness.run import Job
from harness.suite import Suite

KernelName = tuple[Path, str]  # a source, and a C++ expression that names one of its kernels


@dataclass(frozen=True, eq=False)
class Probe:
    """One case. `cpu_seconds` is a check of the original with everything remembered."""

    suite: Suite
    case: Case
    kernels: frozenset[KernelName]
    cpu_seconds: float

    @property
    def id(self) -> str:
        return repr(self.case)


@dataclass(frozen=True)
class Baseline:
    """What every mutant is compared with. `fingerprints` are those of the original kernels."""

    probes: tuple[Probe, ...]
    fingerprints: dict[KernelName, str]

    @property
    def sources(self) -> list[Path]:
        """The .cu files behind the cases."""
        return sorted({source for source, _ in self.fingerprints})


def baseline(jobs: Sequence[Job], device: Device, done: Callable[[], object] = lambda: None) -> Baseline:
    """Run each case on the original, twice: once to compute what is remembered, once to see what it costs."""
    suites = {id(job.suite): remembering(job.suite) for job in jobs}
    known: dict[KernelName, Compiled] = {}
    probes = []
    for job in jobs:
        launched: set[KernelName] = set()

        def compile(source: Path, wanted: Sequence[str], capability: tuple[int, int], launched: set = launched) -> Unit:
            launched.update((source, name) for name in wanted)
            made = known.get((source, wanted[0]))
            if made is None or not set(wanted) <= made.fingerprints.keys():
                made = compile_ptx(source, wanted, capability)
                known.update({(source, name): made for name in wanted})
            return made.unit

        suite = suites[id(job.suite)]
        with compiled_by(compile):
            _must_pass(suite, job.case, device)
            before = cpu_seconds()
            _must_pass(suite, job.case, device)
        probes.append(Probe(suite, job.case, frozenset(launched), cpu_seconds() - before))
        done()
    return Baseline(tuple(probes), {name: made.fingerprints[name[1]] for name, made in known.items()})


def cpu_seconds() -> float:
    """Of this process alone, without the compilers that it starts."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cheapest_first(probes: Sequence[Probe]) -> list[Probe]:
    """The order before anything is known of which cases kill."""
    return sorted(probes, key=lambda probe: (probe.cpu_seconds, probe.id))


def _must_pass(suite: Suite, case: Case, device: Device) -> None:
    verdict = check(suite, case, device)
    if not verdict.passed:
        raise FuseproofError(
            f"{case!r} fails without any mutation: {verdict.reason}\nmake `fuseproof check {suite.name}` pass first"
        )
