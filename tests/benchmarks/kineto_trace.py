"""Large Kineto traces made from a real one: its events again and again, later in time, under new ids.

In: a real trace and a number of events. Out: a file of that many events, in which every call still has its operation.

    python -m tests.benchmarks.kineto_trace 1_000_000 trace.json
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path

REAL = Path(__file__).parents[1] / "timeline" / "data" / "hta_ns_resolution.json.gz"
_BETWEEN = re.compile(r"\n\s*\},\s*\n(?=\s*\{)")  # two events, as Kineto lays them out
_NUMBER = re.compile(r'("(?:ts|correlation|External id|id)": )(\d+)(?:\.(\d+))?')
_ROUND = 1_000_000_000  # ns from one repetition to the next: longer than the real trace
_IDS = 10_000_000  # more than the real trace has


def write(events: int, path: Path, real: Path = REAL) -> None:
    """Write a trace of so many events."""
    text = gzip.decompress(real.read_bytes()).decode()
    begin = text.index("[", text.index('"traceEvents"'))
    _, end = json.JSONDecoder().raw_decode(text, begin)
    listed = _BETWEEN.split(text[begin + 1 : end - 1].rstrip().removesuffix("}").rstrip())
    with path.open("w") as file:
        file.write(text[: begin + 1])
        written = 0
        while written < events:
            chosen = listed[: events - written]
            file.write(_repeated("\n  },\n".join(chosen) + "\n  }", written // len(listed)))
            written += len(chosen)
            file.write(",\n" if written < events else "\n")
        file.write('], "traceName": "generated"}\n')


def _repeated(events: str, number: int) -> str:
    """These events, `number` rounds later."""

    def later(found: re.Match[str]) -> str:
        key, whole, decimals = found.groups()
        if "ts" in key:
            moment = int(whole) * 1000 + int((decimals or "").ljust(3, "0")[:3]) + number * _ROUND
            return f"{key}{moment // 1000}.{moment % 1000:03}"
        return f"{key}{int(whole) + number * _IDS}"

    return _NUMBER.sub(later, events)


if __name__ == "__main__":
    write(int(sys.argv[1]), Path(sys.argv[2]))
