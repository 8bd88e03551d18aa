"""Programs that are recorded run in processes of their own: NVTX looks for a tool once a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

ROOT = Path(__file__).parents[3]
PRELUDE = """
import json, os, sys, threading
from harness.timeline.injection.record import enable, record

def show(recording, **more):
    rows = json.loads(recording.ranges.to_json(orient="records"))
    findings = {finding.name: [finding.count, finding.sentence] for finding in recording.findings}
    print(json.dumps({"ranges": rows, "findings": findings, "times": recording.times} | more))
"""


def run(code: str, **environment: str) -> SimpleNamespace:
    """What the program's last line shows: ranges as a frame, by name; findings; whatever else it shows."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NVTX")}
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=clean | environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout.splitlines()[-1])
    ranges = pd.DataFrame(shown.pop("ranges"))
    return SimpleNamespace(ranges=ranges, named=_Named(ranges), **shown)


class _Named:
    """`named["outer"]`: the one range of that name."""

    def __init__(self, ranges: pd.DataFrame) -> None:
        self._ranges = ranges

    def __getitem__(self, name: str) -> pd.Series:
        found = self._ranges[self._ranges["name"] == name]
        assert len(found) == 1, f"{len(found)} ranges are called {name!r}:\n{self._ranges}"
        return found.iloc[0]


@pytest.fixture(scope="session")
def program():
    return run
