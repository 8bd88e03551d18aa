"""One mutant on trial, in a process of its own: compile what a case launches, run the case, until one notices.

In: a mutant, the baseline, the cases in the order to try. Out: an `Outcome`. A case is run only if the PTX of one of
its kernels differs from the original's; where none does, the mutant is equivalent.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from harness.compiler import CompileError, Unit, sources_of
from harness.device import Device
from harness.equality.check import check
from harness.errors import FuseproofError
from harness.kernel import compiled_by
from harness.mutation.mutant import Mutant
from harness.mutation.outcome import Outcome, guard_of
from harness.mutation.overlay import Overlay
from harness.mutation.probe import Baseline, KernelName, Probe, cpu_seconds
from harness.mutation.ptx import Compiled, compile_ptx

ALONE = 2  # cases whose kernels are compiled alone: most mutants die of them, and the others pay for all kernels once
CPU_FACTOR, CPU_GRACE = 20, 10  # a case may take this many times its CPU seconds on the original, and as many more
NOT_RUN = "the vgpu does not run"

Say = Callable[[str], object]


def try_mutant(
    mutant: Mutant, base: Baseline, order: Sequence[Probe], device: Device, folder: Path, say: Say
) -> Outcome:
    """The mutant's outcome; `say` is told each case before it runs, for the case in which this process ends.

    Everything that is written, by nvcc too, goes into `folder`; it is not removed, since this process may be ended.
    """
    os.environ["FUSEPROOF_CACHE"] = str(folder / "cache")  # nothing of a mutant is worth keeping
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    try:
        return _judged(mutant, _Build(mutant, base, folder / "tree", device), order, device, say)
    except CompileError as error:
        return Outcome(mutant.id, "does not compile", reason=str(error))


def _judged(mutant: Mutant, build: _Build, order: Sequence[Probe], device: Device, say: Say) -> Outcome:
    run = 0
    for position, probe in enumerate(order):
        build.make(probe.kernels if position < ALONE else frozenset().union(*(each.kernels for each in order)))
        if not build.changed(probe.kernels):
            continue
        run += 1
        say(probe.id)
        with compiled_by(build.unit), _compiled_quickly(device), _limited_cpu(probe):
            verdict = check(probe.suite, probe.case, device)
        if not verdict.passed:
            reason = verdict.reason.partition("\n")[0]
            if NOT_RUN in verdict.reason:
                raise FuseproofError(f"{mutant}: {verdict.reason}")
            return Outcome(mutant.id, "killed", probe.id, reason, guard_of(verdict.reason), run)
    return Outcome(mutant.id, "survived" if run else "equivalent", cases_run=run)


class _Build:
    """The kernels of one mutant, compiled as they are needed."""

    def __init__(self, mutant: Mutant, base: Baseline, folder: Path, device: Device) -> None:
        self._base, self._capability = base, device.compute_capability
        files = {source: sources_of(source) for source in base.sources}
        self._overlay = Overlay(
            folder, {path for each in files.values() for path in each}, {mutant.path: mutant.content}
        )
        self._affected = {source for source, needed in files.items() if mutant.path in needed}
        self._made: dict[KernelName, Compiled] = {}

    def make(self, kernels: frozenset[KernelName]) -> None:
        """Compile those that are not compiled yet, one nvcc a source; the others are the original's."""
        missing = kernels - self._made.keys()
        for source in sorted({source for source, _ in missing} & self._affected):
            names = sorted(name for place, name in missing if place == source)
            made = compile_ptx(self._overlay[source], names, self._capability)
            self._made.update({(source, name): made for name in names})

    def changed(self, kernels: frozenset[KernelName]) -> bool:
        """Whether any of them differs from the original's."""
        made = [name for name in kernels if name in self._made]
        return any(self._made[name].fingerprints[name[1]] != self._base.fingerprints[name] for name in made)

    def unit(self, source: Path, wanted: Sequence[str], capability: tuple[int, int]) -> Unit:
        """In the place of `compile_unit`: the mutant's kernel."""
        made = self._made.get((source, wanted[0]))
        if made is None or not set(wanted) <= made.fingerprints.keys():
            made = compile_ptx(self._overlay[source], wanted, capability)
        return made.unit


def _compiled_quickly(device: Device) -> AbstractContextManager[object]:
    """Inside, machine code is made without optimisation: most mutants die of the first case that runs it."""
    assert device.vgpu is not None, "mutants run on the vgpu"
    return device.vgpu.compiling(quick_warps=sys.maxsize)


@contextmanager
def _limited_cpu(probe: Probe) -> Iterator[None]:
    """Inside, let the kernel end this process (SIGXCPU) where a loop of the mutant has no end; nvcc has no limit."""
    seconds = int(cpu_seconds() + CPU_FACTOR * probe.cpu_seconds + CPU_GRACE) + 1
    before, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, (before, hard))
