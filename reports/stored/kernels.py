"""What the fused kernels move: sectors, DRAM bytes, bank conflicts, registers and spills, as the vgpu counted them.

In: a `Run`. Out: a `Table`, cases below the name of their suite, and the same figures as a data frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from typing import Any, TypeAlias

import pandas as pd

from harness.results.counts import SOURCE, Counts, KernelCounts
from harness.results.record import CaseResult, Run
from reports.grid import Table
from reports.stored.words import shared, where
from reports.table import NOTHING

_WAY_OUT = {
    "modelled": "fuseproof run --counters takes them",
    "measured": "fuseproof run --counters --device vgpu takes them, and on a GPU Nsight Compute",
}
_MEANING = (
    "A row is a kernel with one shape, all its launches together; registers and spilled bytes are a thread's, as ptxas "
    "compiles it; where no conflict-free share is given, shared memory is not used.",
    "÷ compulsory is of the whole function: DRAM bytes of all its kernels over those of its inputs and outputs, each "
    "once; below 1 where an input is not read whole: other rows of a table, positions behind a length, finished beams.",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One kernel of one case; `first` where the case begins."""

    result: CaseResult
    counts: Counts
    kernel: KernelCounts
    first: bool


Columns: TypeAlias = tuple[tuple[str, Callable[[Row], str]], ...]


def none(run: Run) -> str:
    """Why there is no table."""
    if any(result.counts for result in run.results):
        return "No kernels were counted: those that were counted for launched none through PyCUDA."
    return f"No counters: this run holds none; {_WAY_OUT[run.source]}."


def table(run: Run) -> Table | None:
    """A row a kernel; None where none was counted. Whose blocks were not all counted says so beside its figures."""
    rows = list(_rows(run))
    if not rows:
        return None
    sampled = any(row.kernel.sampled_blocks for row in rows)
    columns = (*_COLUMNS, *_SAMPLED) if sampled else _COLUMNS
    results = [row.result for row in rows if row.first]
    return Table(
        f"What the kernels move, on {where(run, results)}, {SOURCE}{', some of it in a sample of blocks' * sampled}",
        tuple(heading for heading, _ in columns),
        2,
        tuple(_with_suites(rows, columns)),
        (*_MEANING, *_notes(run)),
    )


def frame(run: Run) -> pd.DataFrame:
    """A row a kernel, with every figure that the record holds."""
    made = [shared(run, SOURCE) | _case(row) | _figures(row.kernel) | _function(row.counts) for row in _rows(run)]
    return pd.DataFrame(made, columns=None if made else [*shared(run, SOURCE), *_CASE, *_FIGURES, *_FUNCTION])


def _rows(run: Run) -> Iterator[Row]:
    for result in run.results:
        for place, kernel in enumerate(result.counts.kernels if result.counts else ()):
            assert result.counts
            yield Row(result, result.counts, kernel, place == 0)


def _with_suites(rows: list[Row], columns: Columns) -> Iterator[tuple[str, ...]]:
    """A line of its own for each suite: names are long, and a paper's column is narrow."""
    for suite, own in groupby(rows, key=lambda row: row.result.suite):
        yield suite, *[""] * (len(columns) - 1)
        yield from (tuple(cell(row) for _, cell in columns) for row in own)


# --- text -----------------------------------------------------------------------------------------------------------


def _percent(ideal: int, actual: int) -> str:
    """Rounded down, in whole numbers: 100.0 is said of no kernel that wastes anything."""
    return f"{1000 * ideal // actual / 10:.1f}" if actual else NOTHING


def _traffic(row: Row) -> str:
    """Once a case, at its first kernel."""
    if not row.first:
        return ""
    return "withheld" if row.counts.traffic is None else f"{row.counts.traffic:.3f}"


def _spilled(row: Row) -> str:
    return NOTHING if row.kernel.spill_bytes is None else f"{row.kernel.spill_bytes:,}"


_COLUMNS: Columns = (
    ("case", lambda row: row.result.case if row.first else ""),
    ("kernel", lambda row: f"{row.kernel.launches:,} \N{MULTIPLICATION SIGN} {row.kernel.name}"),
    ("sector efficiency %", lambda row: _percent(row.kernel.ideal_sectors, row.kernel.sectors)),
    ("DRAM bytes", lambda row: f"{row.kernel.dram_bytes:,}"),
    ("÷ compulsory", _traffic),
    ("conflict-free %", lambda row: _percent(row.kernel.ideal_wavefronts, row.kernel.wavefronts)),
    ("registers", lambda row: f"{row.kernel.registers:,}"),
    ("spilled bytes", _spilled),
)
_SAMPLED: Columns = (("blocks counted", lambda row: _blocks(row.kernel)),)


def _blocks(kernel: KernelCounts) -> str:
    return f"{kernel.sampled_blocks:,} of {kernel.blocks:,}" if kernel.sampled_blocks else f"all {kernel.blocks:,}"


def _notes(run: Run) -> Iterator[str]:
    counted = [result for result in run.results if result.counts]
    if any(kernel.sampled_blocks for result in counted if result.counts for kernel in result.counts.kernels):
        yield (
            "Where blocks are sampled, figures are scaled up to all of them, which misses exact ones by what blocks "
            "share; the others are exact."
        )
    withheld = Counter(each.counts.withheld for each in counted if each.counts and each.counts.withheld)
    yield from (
        f"÷ compulsory is withheld in {count} of {len(counted)} cases: {why}" for why, count in withheld.items()
    )
    if empty := sum(not result.counts.kernels for result in counted if result.counts):
        yield f"{empty} of {len(counted)} cases launched no kernel through PyCUDA"
    if missing := len(run.results) - len(counted):
        yield f"not counted: {missing} of {len(run.results)} cases"


# --- figures --------------------------------------------------------------------------------------------------------

_CASE = ("suite", "case", "dtype", "seed")
_SHARES = ("dram_bytes", "sector_efficiency", "conflict_free")
_FIGURES = (*(field.name for field in fields(KernelCounts)), *_SHARES)
_FUNCTION = ("function_dram_bytes", "compulsory_bytes", "traffic", "withheld")


def _case(row: Row) -> dict[str, Any]:
    return {name: getattr(row.result, name) for name in _CASE}


def _figures(kernel: KernelCounts) -> dict[str, Any]:
    plain = asdict(kernel) | {name: getattr(kernel, name) for name in _SHARES}
    return plain | {name: "x".join(map(str, plain[name])) for name in ("grid", "block")}


def _function(counts: Counts) -> dict[str, Any]:
    figures = (counts.dram_bytes, counts.compulsory_bytes, counts.traffic, counts.withheld)
    return dict(zip(_FUNCTION, figures, strict=True))
