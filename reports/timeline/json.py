"""Every figure of a timeline as JSON, for programs.

In: an `Overview`, perhaps a `Run` of counters. Out: text; times are integer nanoseconds, what is withheld
is null and says why beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from harness.counted import Run
from harness.timeline.overview import Overview
from reports.counters import records as counters


def render(overview: Overview, counted: Run | None = None) -> str:
    """source, findings, devices, ranges, comparisons, kernels by the range that launched them; counters."""
    figures = overview.figures
    source = {
        key: value for key, value in asdict(figures.timeline.source).items() if key not in ("threads", "processes")
    }
    document: dict[str, Any] = {
        "source": source,
        "findings": [asdict(finding) for finding in figures.findings],
        "devices": _records(figures.devices),
        "ranges": _records(overview.ranges),
        "comparisons": [
            {
                "name": each.name,
                "reference": _plain(each.reference),
                "fused": _plain(each.fused),
                "window_speedup": each.speedup("window_ns"),
                "busy_speedup": each.speedup("busy_ns"),
            }
            for each in overview.comparisons
        ],
        "kernels": {kernels.title: _records(kernels.table) for kernels in overview.kernels},
    }
    if counted is not None:
        document["counters"] = counters.document(counted)
    return json.dumps(document, indent=1, ensure_ascii=False)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [_plain(row) for row in frame.to_dict("records")]


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return None
    return value.item() if isinstance(value, np.generic) else value
