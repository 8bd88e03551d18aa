"""Speedup tables in Markdown, with what the run ran on.

In: a `Run`. Out: text, or results.md in a folder.
"""

from __future__ import annotations

from pathlib import Path

from harness.results.record import CaseResult, Run
from reports import table as rows
from reports import variants
from reports.grid import grid


def write(run: Run, folder: Path) -> Path:
    """Write results.md; returns its path."""
    path = folder / "results.md"
    path.write_text(render(run))
    return path


def render(run: Run) -> str:
    """A heading and a table a suite, then the failures and the environment."""
    parts = ["# Fused kernels against their references\n", _source(run)]
    for results in rows.suites(run):
        parts += [f"## {rows.title(run, results)}\n", _table(results), f"{rows.footer(results)}.\n"]
        parts += [f"- {line}\n" for line in rows.exceptions(results)]
        parts += _variants(variants.rows(results))
    if failed := [result for result in run.results if not result.verdict.passed]:
        parts += ["## Failures\n", "".join(f"- `{r.id}`: {r.verdict.reason.partition(chr(10))[0]}\n" for r in failed)]
    parts += ["## Environment\n", "".join(f"- {name}: {value}\n" for name, value in sorted(run.environment.items()))]
    return "\n".join(parts)


def _source(run: Run) -> str:
    if run.source == "modelled":
        return (
            f"Device {run.device} ({run.device_name}). Launches and numbers come from executing the kernels' PTX; "
            "times and gaps are modelled by a virtual clock, not measured on a GPU."
            + (f" {stated}.\n" if (stated := rows.stated_errors(run)) else "\n")
        )
    return f"Device {run.device} ({run.device_name}). Times are measured on this GPU.\n"


def _table(results: list[CaseResult]) -> str:
    columns = rows.columns(results)
    words = [index for index, column in enumerate(columns) if column.heading in ("case", "dtype", "equal")]
    cells = ([column.cell(result) for column in columns] for result in results)
    return grid([column.heading for column in columns], cells, left=words)


def _variants(found: list[variants.Row]) -> list[str]:
    """Every way of running each case, and why some could not; nothing where there are none."""
    if not found:
        return []
    words = [index for index, column in enumerate(variants.COLUMNS) if column.left]
    cells = ([column.cell(row) for column in variants.COLUMNS] for row in found)
    table = grid([column.heading for column in variants.COLUMNS], cells, left=words)
    failed = "".join(f"- {line}\n" for line in variants.failures(found))
    return [table, *([failed] if failed else [])]
