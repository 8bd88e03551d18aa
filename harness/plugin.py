"""The pytest plugin: every case of every `@suite` is a test; with --benchmark it is timed, and tables are printed.

In: suites in collected modules, and options. Out: one item a case, `bias_gelu[fp16-b8-s128]`; failures in plain words;
the results travel on the reports, so that xdist's workers hand them to the controller. Torch and PyCUDA are imported by
the first test that runs, not here.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import FuseproofError
from harness.suite import Suite
from harness.threads import use_threads

if TYPE_CHECKING:
    from harness.results.record import CaseResult, Run
    from harness.run import Job

_OUTCOME = "fuseproof"  # the attribute of a report that holds plain data: xdist sends a report's attributes on
_SELECTION = pytest.StashKey[Any]()  # harness.selection.Selection


class CaseFailed(Exception):
    """A case whose verdict is no; the message is the whole explanation."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fuseproof", "fused CUDA kernels against their references")

    def add(name: str, text: str, **attributes: Any) -> None:
        group.addoption(f"--{name}", dest=f"fuseproof_{name}", help=text, **attributes)

    add("device", "vgpu[:GPU] or cuda[:N]; default: a GPU that answers, else vgpu", metavar="DEVICE")
    add("batch", "batch sizes to run instead of the suites' own, such as 1,8", metavar="LIST")
    add("seq", "sequence lengths to run instead of the suites' own", metavar="LIST")
    add("dtype", "dtypes to run instead of the suites' own: fp16, bf16, fp32, fp64", metavar="LIST")
    add("axis", "values of any other axis", metavar="NAME=LIST", action="append", default=[])
    add("seed", "of the inputs (default: 0)", type=int, default=0)
    add("quick", "only the first value of every axis, all dtypes", action="store_true")
    add("family", "families of inputs: few (default), all, none, or the name of one", metavar="NAME", default="few")
    add("benchmark", "also launches, times and gaps, as tables at the end", action="store_true")
    add("variants", "with --benchmark, further ways to time: graph (default), compile, all, none", metavar="LIST",
        default="graph")  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    from harness.device.spec import parse_spec, require
    from harness.selection import select
    from harness.ways import parse_ways

    config.addinivalue_line("markers", "fuseproof: a case of a suite (added to every one)")
    try:
        if _option(config, "device"):
            require(parse_spec(_option(config, "device")))
        parse_ways(_option(config, "variants"), "cuda")  # what the device lacks, each case says
        texts = [_option(config, name) for name in ("batch", "seq", "dtype", "axis")]
        config.stash[_SELECTION] = select(*texts, seed=_option(config, "seed"), quick=_option(config, "quick"),
                                          family=_family(config))  # fmt: skip
    except FuseproofError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(Results(), "fuseproof-results")
    share_cores(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)))


def share_cores(processes: int) -> None:
    """Leave torch in this process its share of the cores, where several run tests: threads that have none wait by
    spinning, and take from the others' time.
    """
    if processes == 1 or "OMP_NUM_THREADS" in os.environ:
        return
    use_threads(max(1, (os.cpu_count() or 1) // processes))


def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: object) -> list[Any] | None:
    """A suite becomes its cases, in the module that defines it and not where it is imported."""
    if not isinstance(obj, Suite) or obj.path.resolve() != Path(collector.path).resolve():
        return None
    from harness.run import Job

    cases = collector.config.stash[_SELECTION].cases(obj)
    return [CaseItem.from_parent(collector, name=repr(case), job=Job(obj, case)) for case in cases]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if isinstance(item, CaseItem) and call.when == "call" and item.outcome is not None:
        setattr(report, _OUTCOME, item.outcome)
    return report


class CaseItem(pytest.Item):
    """One case as a test."""

    def __init__(self, *, job: Job, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.outcome: dict[str, Any] | None = None
        self.add_marker("fuseproof")

    def runtest(self) -> None:
        from harness.device import open_device
        from harness.results.explain import explain
        from harness.results.store import result_to_plain, run_to_plain
        from harness.run import assemble, run_case
        from harness.ways import parse_ways

        profiles = _option(self.config, "benchmark")
        device = open_device(_option(self.config, "device"))
        _share_cores(_workers(self.config))
        if profiles and device.kind == "cuda" and _workers(self.config) > 1:
            raise FuseproofError("times are measured with the GPU to itself: run --benchmark without -n")
        ways = parse_ways(_option(self.config, "variants"), device.kind)
        result = run_case(self.job.suite, self.job.case, device, profiles=profiles, ways=ways)
        self.outcome = {"run": run_to_plain(assemble(device, [])), "result": result_to_plain(result)}
        if not result.verdict.passed:
            raise CaseFailed(explain(result))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, CaseFailed | FuseproofError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.job.suite.path, self.job.suite.line - 1, self.name


class Results:
    """What the cases of this session gave, and its tables at the end."""

    def __init__(self) -> None:
        self.outcomes: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if outcome := getattr(report, _OUTCOME, None):
            self.outcomes.append(outcome)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        if not (self.outcomes and _option(config, "benchmark")):
            return
        from rich.console import Console

        from harness.discovery import report

        buffer = StringIO()
        colour = terminalreporter.hasmarkup
        console = Console(file=buffer, width=None if colour else 140, force_terminal=colour)
        for table in report("terminal").tables(self.run()):
            console.print(table)
        terminalreporter.section("fuseproof")
        terminalreporter.write(buffer.getvalue())

    def run(self) -> Run:
        """The run, its results in the order of suites and sweeps whatever order workers finished in."""
        from dataclasses import replace

        from harness.results.store import result_from_plain, run_from_plain

        results = [result_from_plain(outcome["result"]) for outcome in self.outcomes]
        return replace(run_from_plain(self.outcomes[0]["run"]), results=tuple(sorted(results, key=_order)))


def _family(config: pytest.Config) -> str:
    """Few families unless another number is asked for, or times are: those are of the suites' own inputs."""
    plain = _option(config, "benchmark") or _option(config, "quick")
    return "none" if plain and _option(config, "family") == "few" else _option(config, "family")


def _option(config: pytest.Config, name: str) -> Any:
    return config.getoption(f"fuseproof_{name}")


def _order(result: CaseResult) -> tuple[Any, ...]:
    numbers = sorted((name, value) for name, value in result.axes.items() if isinstance(value, int))
    return result.suite, result.dtype, [value for _, value in numbers], result.case


def _share_cores(workers: int) -> None:
    """Give torch its share of the cores: threads of several workers that wait for each other's cores spin."""
    if workers > 1:
        import torch

        torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))


def _workers(config: pytest.Config) -> int:
    return getattr(config, "workerinput", {}).get("workercount", 0)
