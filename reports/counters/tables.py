"""The tables of counters that a terminal and Markdown show.

In: a `Run` of harness.counted. Out: `Table`s: efficiency and counters with a column a kernel, and for each kernel the
lines of its source that cost most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from harness.counted import Kernel, Run
from harness.counted.lines import CostlyLine, costly_lines
from harness.vgpu.activity import Extent
from reports.grid import Table
from reports.timeline.tables import NOTHING

MOST_LINES = 10
_SIDE_BY_SIDE = 4
_LONGEST_TEXT = 64

Rows: TypeAlias = tuple[tuple[str, Callable[[Kernel], str]], ...]


def tables(run: Run) -> list[Table]:
    """All of them; none where no kernel was counted."""
    groups = [run.kernels[start : start + _SIDE_BY_SIDE] for start in range(0, len(run.kernels), _SIDE_BY_SIDE)]
    return [
        *(_table("Efficiency", run, group, _EFFICIENCY, (*_traffic(run), *_resources(run))) for group in groups),
        *(_table("Counters", run, group, _counters(run)) for group in groups),
        *(_lines(kernel) for kernel in run.kernels),
    ]


def _table(title: str, run: Run, kernels: Sequence[Kernel], rows: Rows, notes: tuple[str, ...] = ()) -> Table:
    """Without the rows that say nothing of any kernel."""
    cells = [(name, *(cell(kernel) for kernel in kernels)) for name, cell in rows]
    return Table(
        f"{title} of the fused kernels on {run.gpu}, counted from the PTX that was executed",
        ("", *(kernel.name for kernel in kernels)),
        1,
        tuple(row for row in cells if set(row[1:]) != {NOTHING}),
        (*_sampled(kernels), *notes),
    )


def _sampled(kernels: Sequence[Kernel]) -> Iterator[str]:
    for kernel in kernels:
        if kernel.counters.sampled_blocks:
            yield f"{kernel.name}: {sampled(kernel)}, figures are scaled up"


def sampled(kernel: Kernel) -> str:
    """`sampled 8 of 128 blocks`; empty where all were counted."""
    counters = kernel.counters
    return f"sampled {counters.sampled_blocks:,} of {counters.blocks:,} blocks" if counters.sampled_blocks else ""


# --- cells ----------------------------------------------------------------------------------------------------------


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.1f}"


def _ratio(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4g}"


def _number(value: int) -> str:
    return f"{value:,}" if value else NOTHING


def _spills(kernel: Kernel) -> str:
    return NOTHING if kernel.resources is None else f"{kernel.resources.spill_bytes:,}"


def _extent(extent: Extent) -> str:
    return " x ".join(map(str, extent))


_EFFICIENCY: Rows = (
    ("grid", lambda k: _extent(k.grid)),
    ("block", lambda k: _extent(k.block)),
    ("sector efficiency, %", lambda k: _percent(k.efficiency.sector)),
    ("sectors a load request", lambda k: _ratio(k.efficiency.sectors_per_load)),
    ("sectors a store request", lambda k: _ratio(k.efficiency.sectors_per_store)),
    ("L1 hits, %", lambda k: _percent(k.efficiency.l1_hits)),
    ("conflict-free wavefronts, %", lambda k: _percent(k.efficiency.conflict_free)),
    ("active lanes, %", lambda k: _percent(k.efficiency.active_lanes)),
    ("branches not divergent, %", lambda k: _percent(k.efficiency.uniform_branches)),
    ("occupancy, %", lambda k: _percent(k.occupancy_share)),
    ("occupancy is limited by", lambda k: k.occupancy.limit),
    ("waves", lambda k: f"{k.waves:.2f}"),
    ("registers a thread", lambda k: str(k.registers)),
    ("spilled, B a thread", _spills),
    ("shared memory, B a block", lambda k: _number(k.shared_bytes)),
)
_COUNTERS = {
    "blocks": "blocks", "warps": "warps", "warp_instructions": "warp instructions",
    "load_requests": "global load requests", "sectors_read": "sectors read", "ideal_sectors_read": "ideal sectors",
    "store_requests": "global store requests", "sectors_written": "sectors written",
    "ideal_sectors_written": "ideal sectors",
    "atomics": "atomics", "reductions": "reductions",
    "l2_read_bytes": "L2 read, B", "l2_write_bytes": "L2 written, B",
    "dram_read_bytes": "DRAM read, B", "dram_write_bytes": "DRAM written, B",
    "shared_load_requests": "shared load requests", "shared_load_wavefronts": "their wavefronts",
    "shared_store_requests": "shared store requests", "shared_store_wavefronts": "their wavefronts",
    "shared_atomics": "shared atomics", "shared_atomic_wavefronts": "their wavefronts",
    "local_load_requests": "local load requests", "local_sectors_read": "their sectors",
    "local_store_requests": "local store requests", "local_sectors_written": "their sectors",
    "barriers": "barriers", "branches": "branches", "divergent_branches": "divergent branches",
}  # fmt: skip


def _counters(run: Run) -> Rows:
    """With the classes of instructions and the tensor flops that occur."""
    total = run.counters
    return (
        ("launches", lambda k: f"{k.launches:,}"),
        *((title, _field(name)) for name, title in _COUNTERS.items()),
        *((f"{kind} instructions", _entry("instructions", kind)) for kind in total.instructions),
        *((f"{type_} tensor flop", _entry("tensor_flops", type_)) for type_ in total.tensor_flops),
        ("longest warp, instructions", lambda k: _number(k.counters.longest.instructions)),
    )


def _field(name: str) -> Callable[[Kernel], str]:
    return lambda kernel: _number(getattr(kernel.counters, name))


def _entry(name: str, key: str) -> Callable[[Kernel], str]:
    return lambda kernel: _number(getattr(kernel.counters, name).get(key, 0))


# --- notes and lines --------------------------------------------------------------------------------------------------


def _traffic(run: Run) -> Iterator[str]:
    if run.compulsory_bytes is None:
        yield f"traffic ÷ compulsory traffic is withheld: {run.withheld}"
        return
    ratios = f"DRAM {_ratio(run.traffic)}, L2 {_ratio(run.l2_traffic)}"
    once = f"inputs read and outputs written once are {run.compulsory_bytes:,} B"
    yield f"traffic ÷ compulsory traffic: {ratios}; {once}"


def _resources(run: Run) -> Iterator[str]:
    architectures = sorted({kernel.resources.architecture for kernel in run.kernels if kernel.resources})
    if architectures:
        yield f"registers and spills, stored and loaded, as ptxas compiles for {', '.join(architectures)}"


def _lines(kernel: Kernel) -> Table:
    found = costly_lines(kernel)
    notes = [*_sampled([kernel])]
    if (hidden := len(found) - MOST_LINES) > 0:
        notes.append(f"lines that cost less and are not shown: {hidden:,}; --format csv or json has all")
    return Table(
        f"Lines of {kernel.name} that cost most, grid {_extent(kernel.grid)}, counted; a share is of SM clocks",
        ("line", "code", "share %", "instructions", "sectors", "sector %", "conflicts"),
        2,
        tuple(_line(line) for line in found[:MOST_LINES]),
        tuple(notes),
    )


def _line(line: CostlyLine) -> tuple[str, ...]:
    c = line.counters
    sector = c.ideal_sectors / c.sectors if c.sectors else None
    text = line.text if len(line.text) <= _LONGEST_TEXT else f"{line.text[: _LONGEST_TEXT - 1]}…"
    conflicts = _number(c.wavefronts - c.ideal_wavefronts)
    figures = (_percent(line.share), _number(c.instructions), _number(c.sectors), _percent(sector), conflicts)
    return (line.where, text, *figures)
