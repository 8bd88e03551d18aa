"""What every report of an original's table shows. In: rows. Out: headings, cells of text, and the lines around them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.originals.cells import SAMPLE, Finished, Row
from harness.results.record import Profile
from harness.validation.stated import stated_error
from reports.table import NOTHING, idle_percent

HEADINGS = (
    *("case", "launches", "naive ms", "idle %", "fused ms", "idle %", "fused, graph ms", "speedup", "with a graph"),
    *("published naive ms", "fused ms", "speedup"),
)


def heading(finished: Finished) -> str:
    """`BERT-base's encoder on a V100: vgpu:V100:dgx1-2020, Tesla V100 (virtual), times modelled`"""
    return f"{finished.table.title}: {finished.device}, {finished.device_name}, times {finished.source}"


def headings(finished: Finished) -> tuple[str, ...]:
    """Without the published columns where there is nothing to put into them."""
    return HEADINGS if finished.table.published else HEADINGS[:-3]


def rows(finished: Finished) -> list[tuple[str, ...]]:
    """One a case."""
    return [_cells(row)[: len(headings(finished))] for row in finished.rows]


def below(finished: Finished) -> Sequence[str]:
    """What a reader must know of these figures."""
    lines = [
        "Launches and idle time: naive, then fused; speedups are of wall time, over the naive reference called eagerly."
    ]
    if finished.source == "modelled":
        lines += [
            f"Launches are counted; kernels ran on {SAMPLE} blocks a launch, whose counters are scaled up; no matrix "
            "product was computed, and nothing compared: the suite does that.",
            f"Times are {finished.source}; {stated_error()}.",
        ]
    reasons = Counter(row.graph for row in finished.rows if isinstance(row.graph, str))
    lines += [f"No graph of {count} cases: {reason}." for reason, count in reasons.items()]
    return [*lines, *([f"Note: {finished.table.note}."] if finished.table.note else [])]


def _cells(row: Row) -> tuple[str, ...]:
    reference, fused, graph = row.reference, row.fused, row.graph
    with_graph = graph if isinstance(graph, Profile) else None
    return (
        row.case,
        f"{reference.launches:,} → {fused.launches:,}",
        _ms(reference.wall_us / 1e3),
        f"{idle_percent(reference):.0f}",
        _ms(fused.wall_us / 1e3),
        f"{idle_percent(fused):.0f}",
        _ms(with_graph.wall_us / 1e3) if with_graph else NOTHING,
        f"{row.speedup:.2f}x",
        f"{reference.wall_us / with_graph.wall_us:.2f}x" if with_graph else NOTHING,
        _ms(row.published_reference_ms),
        _ms(row.published_fused_ms),
        f"{row.published_speedup:.2f}x" if row.published_speedup else NOTHING,
    )


def _ms(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"
