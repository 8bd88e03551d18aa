"""The benchmark's results as a page: one row a kernel, the goals and whether they are met, what the machine did.

Times are minimum / median / maximum; ratios are of neighbouring runs, above 1 where the vgpu is faster.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.benchmarks.cases import Case
from tests.benchmarks.costs import Costs
from tests.benchmarks.spread import Spread, geometric_mean


@dataclass(frozen=True, slots=True)
class Row:
    """One kernel: its times in seconds on one core and on two, and ratios for (one, two) cores."""

    case: Case
    one: Spread
    two: Spread
    pocl: tuple[Spread | None, Spread | None]
    torch: tuple[Spread | None, Spread | None]
    scaling: Spread
    simulator: float | None


def line(row: Row) -> str:
    """For the terminal, while the others run."""
    ratios = [f"{name} {_ratio(found)}" for name, found in (("PoCL/", row.pocl[0]), ("torch/", row.torch[0])) if found]
    return f"{row.case.name:36} {_milliseconds(row.one):>24} ms  " + "  ".join(ratios)


def render(rows: Sequence[Row], costs: Costs | None, cpu: str, loads: Sequence[float], rounds: int) -> str:
    noise = geometric_mean(row.one.high / row.one.low for row in rows)
    parts = [
        "# How fast the vgpu is",
        "Written by `make bench-vgpu`: kernels of tests/benchmarks in fast mode, against PoCL's CPU device running the "
        "same kernel in OpenCL, torch's CPU operators, and numba's CUDA simulator.",
        f"On {cpu}, {rounds} runs of each engine in turns; times are minimum / median / maximum, ratios are of "
        "neighbouring runs (median, and the range in brackets), above 1 where the vgpu is faster. Outputs were "
        "compared with torch's before anything was timed.",
        f"How quiet the machine was: a load of {loads[0]:.1f} before and {loads[-1]:.1f} after, on {os.cpu_count()} "
        f"cores; the slowest run of a kernel took {noise:.1f} times the fastest (geometric mean)." + _warning(loads),
        "## Kernels", _table(rows), "## Goals", _goals(rows, costs),
    ]  # fmt: skip
    if costs:
        parts += ["## Costs of a launch", _costs(costs)]
    return "\n\n".join(parts) + "\n"


def _warning(loads: Sequence[float]) -> str:
    if loads[0] < 0.5:
        return ""
    return (
        " Other programs ran meanwhile: figures for several cores then say who got the cores, and wall-clock times of "
        "single measurements are too long. Run it again on a quiet machine."
    )


def _table(rows: Sequence[Row]) -> str:
    head = ["kernel", "1 core, ms", "2 cores, ms", "2 : 1", "PoCL, 1 core", "PoCL, 2 cores", "torch, 1 core",
            "torch, 2 cores", "numba's simulator"]  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "| --- " + "| ---: " * (len(head) - 1) + "|"]
    for row in rows:
        name = row.case.name + ("" if row.case.memory_bound else " *")
        simulator = f"{row.simulator:,.0f}" if row.simulator else ""
        cells = [name, _milliseconds(row.one), _milliseconds(row.two), _ratio(row.scaling),
                 *map(_ratio, (*row.pocl, *row.torch)), simulator]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    lines.append(
        "\n`*`: not bound by memory, so the goal against torch is not for it: there torch calls tuned libraries for "
        "another algorithm. The simulator runs a tiny piece; its time is extrapolated by the number of elements."
    )
    return "\n".join(lines)


def _milliseconds(times: Spread) -> str:
    return f"{1e3 * times.low:.2f} / {1e3 * times.middle:.2f} / {1e3 * times.high:.2f}"


def _ratio(found: Spread | None) -> str:
    return f"{found.middle:.2f} ({found.low:.2f} to {found.high:.2f})" if found else ""


def _goals(rows: Sequence[Row], costs: Costs | None) -> str:
    goals = [
        _mean("as fast as PoCL, 1 core", (row.pocl[0] for row in rows), 1.0),
        _mean("as fast as PoCL, 2 cores", (row.pocl[1] for row in rows), 1.0),
        _mean("half as fast as torch where memory-bound, 1 core", (r.torch[0] for r in rows if r.case.memory_bound), 0.5),
        _mean("half as fast as torch where memory-bound, 2 cores", (r.torch[1] for r in rows if r.case.memory_bound), 0.5),
        _mean("2 cores against 1", (row.scaling for row in rows), 1.8),
    ]  # fmt: skip
    if simulated := [row.simulator for row in rows if row.simulator]:
        mean = geometric_mean(simulated)
        goals.append(_goal("1,000 times numba's simulator", f"{mean:,.0f}", mean >= 1000))
    if costs:
        goals += [
            _goal("cold compile within 1.5 s", f"{costs.cold_ms.middle / 1e3:.2f} s", costs.cold_ms.middle <= 1500),
            _goal("warm load within 10 ms", f"{costs.warm_ms.middle:.1f} ms", costs.warm_ms.middle <= 10),
            _goal("launch within 20 µs", f"{costs.launch_us.middle:.0f} µs", costs.launch_us.middle <= 20),
        ]
    return "\n".join(["| goal | found | |", "| --- | ---: | --- |", *(goal for goal in goals if goal)])


def _mean(name: str, ratios: Iterable[Spread | None], least: float) -> str:
    """The geometric mean of medians, with that of the lowest and the highest ratios."""
    found = [ratio for ratio in ratios if ratio]
    if not found:
        return ""
    low, middle, high = (geometric_mean(getattr(r, which) for r in found) for which in ("low", "middle", "high"))
    return _goal(f"{name} (≥ {least:g}, geometric mean)", f"{middle:.2f} ({low:.2f} to {high:.2f})", middle >= least)


def _goal(name: str, found: str, met: bool) -> str:
    return f"| {name} | {found} | {'met' if met else 'missed'} |"


def _costs(costs: Costs) -> str:
    def row(name: str, times: Spread, unit: str) -> str:
        return f"| {name} | {times.low:.1f} / {times.middle:.1f} / {times.high:.1f} {unit} |"

    return "\n".join((
        "| | minimum / median / maximum |", "| --- | ---: |",
        row(f"cold compile of the largest shipped kernel, `{costs.largest}`", costs.cold_ms, "ms"),
        row("of that, CPU time of the process", costs.cold_cpu_ms, "ms"),
        row("the same from the cache", costs.warm_ms, "ms"),
        row("of that, CPU time of the process", costs.warm_cpu_ms, "ms"),
        row("launch of an empty kernel through PyCUDA, fast mode", costs.launch_us, "µs"),
        row("the same, checked and counted", costs.launch_counted_us, "µs"),
    ))  # fmt: skip
