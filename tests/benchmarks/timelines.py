"""How fast a Kineto trace becomes figures, against HolisticTraceAnalysis: idle time and launch statistics.

In: numbers of events; traces of them are generated from a real one. Out: a Markdown table of seconds and peak memory,
each run in a process of its own, imports left out of the seconds.

    pip install -e '.[bench-timelines]'
    python -m tests.benchmarks.timelines 100_000 1_000_000
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.kineto_trace import write

_MEASURED = """
import json, resource, sys, time
{imports}
begin = time.perf_counter()
{work}
seconds = time.perf_counter() - begin
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
_OURS = _MEASURED.format(
    imports="from pathlib import Path\nfrom harness.timeline import load\nfrom harness.timeline.figures import figures, kernels",
    work="found = figures(load(Path(sys.argv[1])))\nkernels(found, found.rows)",
)
_HTA = _MEASURED.format(
    imports="from hta.trace_analysis import TraceAnalysis",
    work="found = TraceAnalysis(trace_files={0: sys.argv[1]}, trace_dir='')\n"
    "found.get_idle_time_breakdown(ranks=[0], visualize=False)\n"
    "found.get_cuda_kernel_launch_stats(ranks=[0], visualize=False)",
)


def main(sizes: list[int]) -> None:
    """Print the table."""
    print("| events | MB of JSON | fuseproof s | MB | HTA s | MB | faster | memory |\n|" + " ---: |" * 8)
    for events in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trace.json"
            write(events, path)
            _measured(_OURS, path)  # compiles the reader, fills the page cache
            ours, theirs = _measured(_OURS, path), _measured(_HTA, path) if _has_hta() else None
            print(_row(events, path.stat().st_size / 1e6, ours, theirs), flush=True)


def _has_hta() -> bool:
    return importlib.util.find_spec("hta") is not None


def _measured(program: str, path: Path) -> tuple[float, float]:
    """Seconds and peak MiB of one run."""
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    seconds, memory = json.loads(done.stdout.splitlines()[-1])
    return seconds, memory


def _row(events: int, size: float, ours: tuple[float, float], theirs: tuple[float, float] | None) -> str:
    cells = [f"{events:,}", f"{size:,.0f}", f"{ours[0]:.2f}", f"{ours[1]:,.0f}"]
    if theirs is None:
        return f"| {' | '.join([*cells, '-', '-', '-', '-'])} |"
    ratios = f"{theirs[0] / ours[0]:.0f}x", f"1/{theirs[1] / ours[1]:.1f}"
    return f"| {' | '.join([*cells, f'{theirs[0]:.1f}', f'{theirs[1]:,.0f}', *ratios])} |"


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [1_000_000])
