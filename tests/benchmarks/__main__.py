"""`make bench-vgpu`: the vgpu's engine against PoCL, torch's CPU operators and numba's CUDA simulator.

`python -m tests.benchmarks --rounds 15 --only softmax transpose --to docs/vgpu-performance.md`
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from statistics import median

import numpy as np
import torch

from tests.benchmarks import costs, page
from tests.benchmarks.cases import CASES, Case
from tests.benchmarks.engines import Pocl, Run, Torch, Vgpu, cpu_model
from tests.benchmarks.spread import Spread, alternate, ratio


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="runs of each engine, in turns")
    parser.add_argument("--only", nargs="*", default=[], help="names of kernels, as in portable.h and cuda.cu")
    parser.add_argument("--without", nargs="*", default=[], choices=["pocl", "simulator", "costs"])
    parser.add_argument("--to", type=Path, help="write the page there, too")
    options = parser.parse_args()
    loads = [os.getloadavg()[0]]
    engines = {"vgpu": Vgpu(), "torch": Torch()}
    if "pocl" not in options.without:
        engines["pocl"] = Pocl()
    rows = []
    for case in CASES:
        if not options.only or case.kernel in options.only:
            rows.append(_measure(case, engines, options.rounds, "simulator" not in options.without))
            print(page.line(rows[-1]), flush=True)
    measured = costs.measure(3) if "costs" not in options.without else None
    loads.append(os.getloadavg()[0])
    text = page.render(rows, measured, cpu_model(), loads, options.rounds)
    print("\n" + text)
    if options.to:
        options.to.write_text(text)


def _measure(case: Case, engines: dict, rounds: int, simulate: bool) -> page.Row:
    """All engines on one core and on two, in turns, after each has shown that it computes the same."""
    arguments = case.arguments()
    tensors = [torch.from_numpy(a.copy()) if isinstance(a, np.ndarray) else a for a in arguments]
    expected = [answer.double().numpy() for answer in case.answer(*tensors)]
    runs: dict[str, Run] = {}
    for workers in (1, 2):
        for name, engine in engines.items():
            run = engine.prepare(case, arguments, workers)
            if name != "torch":
                _check(case, arguments, run, expected, name)
            runs[f"{name} {workers}"] = run
    times = alternate(runs, rounds)

    def against(other: str, workers: int) -> Spread | None:
        name = f"{other} {workers}"
        return ratio(times[name], times[f"vgpu {workers}"]) if name in times else None

    simulator = None
    if simulate and case.tiny:
        from tests.benchmarks.simulator import seconds_per_element

        simulated = median(seconds_per_element(case) for _ in range(3))
        simulator = simulated / (median(times["vgpu 1"]) / case.elements)
    return page.Row(
        case, Spread.of(times["vgpu 1"]), Spread.of(times["vgpu 2"]),
        (against("pocl", 1), against("pocl", 2)), (against("torch", 1), against("torch", 2)),
        ratio(times["vgpu 1"], times["vgpu 2"]), simulator,
    )  # fmt: skip


def _check(case: Case, arguments: list, run: Run, expected: list[np.ndarray], name: str) -> None:
    """Fresh outputs, one run, the right answer."""
    fresh = case.arguments()
    for place in case.outputs:
        arguments[place][...] = fresh[place]
    run()
    for place, answer in zip(case.outputs, expected, strict=True):
        worst = np.abs(arguments[place].astype(np.float64) - answer).max()
        allowed = case.tolerance * max(1.0, np.abs(answer).max())
        if not worst <= allowed:
            raise SystemExit(f"{name} computes {case.kernel} wrongly: off by {worst}, {allowed} is allowed")


if __name__ == "__main__":
    main()
