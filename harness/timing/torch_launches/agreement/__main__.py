"""Writes the report: python -m harness.timing.torch_launches.agreement TRACE... --to docs/torch-launches.md"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from harness.timing.torch_launches.agreement.compare import verdicts
from harness.timing.torch_launches.agreement.report import Traced, report
from harness.timing.torch_launches.agreement.traced import Trace, load
from harness.vgpu import gpus

_UNKNOWN = "A100"  # where the trace does not say, an Ampere GPU, as the names of its kernels tell


def compared(paths: Sequence[Path]) -> list[Traced]:
    """Each trace with the verdicts on its operators."""
    return [_compared(load(path)) for path in paths]


def _compared(trace: Trace) -> Traced:
    gpu = next((name for name in gpus.names() if name.lower() in f"{trace.device} {trace.name}".lower()), _UNKNOWN)
    return Traced(trace.name, gpu, trace.partial, list(verdicts(trace, gpus.load(gpu))))


def main() -> None:
    """The report on the traces, to a file or to the terminal."""
    parser = argparse.ArgumentParser(prog="agreement", description=__doc__)
    parser.add_argument("traces", nargs="+", type=Path, help="Kineto's JSON, or Nsight Systems' export of emit_nvtx")
    parser.add_argument("--to", type=Path, help="file to write")
    given = parser.parse_args()
    text = report(compared(given.traces))
    given.to.write_text(text) if given.to else print(text)


if __name__ == "__main__":
    main()
