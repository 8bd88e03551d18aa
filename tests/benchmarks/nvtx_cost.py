"""What an NVTX range costs: nobody listens, our library is attached, it records. For docs/timelines.md.

`python -m tests.benchmarks.nvtx_cost` prints a table: nanoseconds for one push and pop, the best of several loops.
Each row runs in a process of its own, because NVTX looks for a tool once a process.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from harness.timeline.injection.record import enable, record
from harness.vgpu import gpus, hosts
from harness.vgpu.clock import Clock
from tests.timeline.injection.cpp import built

RANGES, LOOPS = 200_000, 7
MODES = {
    "no tool": "nobody listens",
    "attached": "attached, not recording",
    "time of day": "recording the time of day",
    "virtual": "recording the virtual clock",
}


def best(loop: Callable[[int], object], mode: str) -> float:
    """Nanoseconds a range."""
    times = []
    for _ in range(LOOPS):
        clock = Clock(gpus.load("T4"), hosts.load()) if mode == "virtual" else None
        with record(clock) if mode in ("time of day", "virtual") else nullcontext():
            start = time.perf_counter_ns()
            loop(RANGES)
            times.append(time.perf_counter_ns() - start)
    return min(times) / RANGES


def python_loop(ranges: int) -> None:
    import nvtx

    domain = nvtx.get_domain("cost")
    attributes = domain.get_event_attributes("work") if hasattr(domain, "get_event_attributes") else None
    for _ in range(ranges):
        domain.push_range(attributes)
        domain.pop_range()


def annotations(ranges: int) -> None:
    import nvtx

    for _ in range(ranges):
        with nvtx.annotate("work", domain="cost"):
            pass


def row(mode: str) -> None:
    """Print the figures of one mode."""
    import ctypes

    if mode != "no tool":
        enable()
    figures = [best(loop, mode) for loop in (ctypes.CDLL(built()).many, python_loop, annotations)]
    print(f"| {MODES[mode]} | {' | '.join(f'{figure:.0f}' for figure in figures)} |")


def main() -> None:
    if len(sys.argv) > 1:
        row(sys.argv[1])
        return
    print(
        "| ns a range | C++ push and pop | Python: domain.push_range | Python: nvtx.annotate |\n| --- | ---: | ---: | ---: |"
    )
    for mode in MODES:
        command = [sys.executable, "-m", "tests.benchmarks.nvtx_cost", mode]
        subprocess.run(command, check=True, cwd=Path(__file__).parents[2])


if __name__ == "__main__":
    main()
