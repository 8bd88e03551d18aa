"""Every counter as plain values, for JSON and CSV.

In: a `Run` of harness.counted. Out: a dictionary; or one data frame a table, `table` telling kernels and lines apart.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from harness.counted import Kernel, Run
from harness.counted.lines import CostlyLine, costly_lines
from harness.results.counts import SOURCE


def document(run: Run) -> dict[str, Any]:
    """The whole run; what is withheld is null and says why."""
    return {
        "source": SOURCE,
        "device": run.device,
        "gpu": run.gpu,
        "compulsory_bytes": run.compulsory_bytes,
        "dram_traffic": run.traffic,
        "l2_traffic": run.l2_traffic,
        "withheld": run.withheld,
        "kernels": [_kernel(kernel) for kernel in run.kernels],
    }


def frames(run: Run) -> list[pd.DataFrame]:
    """A row a kernel, and a row a line."""
    kernels = [_flat(_without_lines(_kernel(kernel))) for kernel in run.kernels]
    lines = [
        {"kernel": kernel.name, "grid": str(kernel.grid), "block": str(kernel.block), **_flat(_line(line))}
        for kernel in run.kernels
        for line in costly_lines(kernel)
    ]
    made = (("counters", kernels), ("line", lines))
    return [pd.DataFrame(rows).assign(table=table, source=SOURCE) for table, rows in made if rows]


def _kernel(kernel: Kernel) -> dict[str, Any]:
    counters = asdict(kernel.counters)
    del counters["lines"]
    fit = kernel.occupancy
    return {
        "kernel": kernel.name,
        "symbol": kernel.symbol,
        "launches": kernel.launches,
        "grid": kernel.grid,
        "block": kernel.block,
        "registers": kernel.registers,
        "shared_bytes": kernel.shared_bytes,
        "resources": asdict(kernel.resources) if kernel.resources else None,
        "occupancy": {
            "share": kernel.occupancy_share, "limit": fit.limit, "blocks_per_sm": fit.blocks_per_sm,
            "warps_per_sm": fit.warps_per_sm, "waves": kernel.waves,
        },
        "efficiency": asdict(kernel.efficiency),
        "counters": counters,
        "lines": [_line(line) for line in costly_lines(kernel)],
    }  # fmt: skip


def _without_lines(kernel: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in kernel.items() if name != "lines"}


def _line(line: CostlyLine) -> dict[str, Any]:
    figures = asdict(line.counters)
    del figures["source"]
    source = line.counters.source
    return {
        "line": line.where, "file": source.file if source else None, "number": source.line if source else None,
        "text": line.text, "share": line.share, **figures,
    }  # fmt: skip


def _flat(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested records as columns: `occupancy_share`."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}_")
        else:
            found[f"{prefix}{name}"] = str(value) if isinstance(value, tuple) else value
    return found
