"""`fuseproof run` and `fuseproof check`, step by step.

In: names of suites, a selection of their cases, options as text. Out: the `Run`; tables, failures and the paths of
files on the terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.device import open_device, parse_spec
from harness.device.spec import DeviceSpec, require
from harness.discovery import find_suites, report
from harness.errors import FuseproofError
from harness.progress import progress
from harness.results.explain import explain
from harness.run import Counting, assemble, run_jobs
from harness.ways import parse_ways

if TYPE_CHECKING:
    from rich.console import Console

    from harness.results.record import CaseResult, Run
    from harness.selection import Selection

FILES = ("markdown", "csv", "json")


@dataclass(frozen=True, slots=True)
class Options:
    """`search`: so many cases are drawn instead of those selected. `sample`: as in `Counting`."""

    profiles: bool
    variants: str = "none"
    counters: bool = False
    sample: int = 0
    search: int = 0
    out: Path | None = None


def run_suites(
    wanted: Sequence[str], selection: Selection, device: str | None, options: Options, console: Console
) -> Run:
    """Run the cases with a progress bar, print tables and failures, write files."""
    spec = parse_spec(device)
    counting = _counting(options, spec)
    require(spec)
    ways = parse_ways(options.variants, spec.kind)
    suites = find_suites(wanted)
    if options.search:
        from harness.search import search

        opened = open_device(spec)
        finished = assemble(opened, search(suites, opened, options.search, selection.seed))
    else:
        jobs = selection.jobs(suites)
        opened = open_device(spec)
        with progress(console, "cases", len(jobs)) as advance:

            def done(result: CaseResult) -> None:
                advance("equal" if result.verdict.passed else "failed")

            finished = run_jobs(jobs, opened, profiles=options.profiles, ways=ways, counters=counting, done=done)
    _print(finished, console)
    if options.out:
        _write(finished, options.out, console)
    return finished


def _counting(options: Options, spec: DeviceSpec) -> Counting | None:
    if options.sample and not options.counters:
        raise FuseproofError("--sample-blocks is for counters: give --counters, too")
    if not options.counters:
        return None
    if spec.kind != "vgpu":
        raise FuseproofError(
            f"counters come from the vgpu, not from {spec.label}: give --device vgpu, or run Nsight Compute on the GPU"
        )
    return Counting(options.sample)


def _print(run: Run, console: Console) -> None:
    for table in report("terminal").tables(run):
        console.print(table)
    if any(result.counts for result in run.results):
        console.print(report("stored.terminal").kernels(run))
    for result in run.results:
        if not result.verdict.passed:
            console.print(explain(result), "", sep="\n", markup=False, highlight=False, soft_wrap=True)


def _write(run: Run, folder: Path, console: Console) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [report(name).write(run, folder) for name in FILES]
    console.print(f"Written: {', '.join(str(path) for path in paths)}", highlight=False, soft_wrap=True)
