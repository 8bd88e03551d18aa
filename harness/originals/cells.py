"""The rows of a table: each size, our figures for it, and the published ones.

In: an `Original`, the open device. Out: `Row`s. On a GPU both sides are run and measured. On the vgpu times are
modelled: the reference runs on tensors without memory where it can, fused kernels on a sample of their blocks, and
matrix products are not computed, since none of it changes what is launched; nothing is compared here, the suite does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.case import Case
from harness.discovery import find_suites
from harness.results.record import Profile, Source

if TYPE_CHECKING:
    from harness.device import Device
    from harness.originals.tables import Original
    from harness.suite import Suite

SAMPLE = 64  # blocks of each launch that are run and counted


@dataclass(frozen=True, slots=True)
class Row:
    """Times in microseconds; the published ones, in milliseconds, are None where the table has no such row."""

    case: str
    reference: Profile
    fused: Profile
    graph: Profile | str  # fused, as a CUDA graph; or why not
    published_reference_ms: float | None = None
    published_fused_ms: float | None = None

    @property
    def speedup(self) -> float:
        """Reference over fused, wall time."""
        return self.reference.wall_us / self.fused.wall_us

    @property
    def published_speedup(self) -> float | None:
        """The same of the published times."""
        if not self.published_reference_ms or not self.published_fused_ms:
            return None
        return self.published_reference_ms / self.published_fused_ms


@dataclass(frozen=True)
class Finished:
    """A table with its rows, and what they were made on."""

    table: Original
    device: str
    device_name: str
    source: Source
    rows: tuple[Row, ...]


def rows(table: Original, device: Device, keyword: str = "", seed: int = 0) -> Iterator[Row]:
    """One a size, as they come; `keyword` keeps those whose id contains it."""
    suite = suite_of(table)
    published = _published(table)
    for axes in table.sweep:
        case = Case(suite.name, axes, seed)
        if keyword in case.id:
            before, after = published.get(_key(case), (None, None))
            yield Row(case.id, *_profiles(suite, case, device), before, after)


def suite_of(table: Original) -> Suite:
    """The suite of that very name; folders of suites may be called the same."""
    return next(suite for suite in find_suites([table.suite]) if suite.name == table.suite)


def _published(table: Original) -> dict[tuple, tuple[float, float]]:
    if not table.published:
        return {}
    from harness.validation import published

    slow, fast = table.columns
    return {
        (cell.dtype, cell.batch, cell.seq, cell.beam): (cell.ms[slow], cell.ms[fast])
        for cell in published.table(table.published)
    }


def _key(case: Case) -> tuple:
    axes = case.axes
    return axes["dtype"], axes["batch"], axes.get("seq"), axes.get("beam", 1)


def _profiles(suite: Suite, case: Case, device: Device) -> tuple[Profile, Profile, Profile | str]:
    inputs = suite.inputs(case, device.torch)
    name = repr(case)
    vgpu = device.vgpu
    if vgpu is None:
        return _measured(suite, inputs, name, device)
    from harness.equality.tensors import map_tensors
    from harness.originals.shapes import RememberedShapes
    from harness.originals.uncomputed import UncomputedProducts
    from harness.timing import modelled
    from harness.vgpu.run.mode import Mode

    sampled = Mode(checked=True, counted=True, sample=SAMPLE, alone=True)

    def profiled(function: Callable[..., Any], given: tuple[Any, ...], side: str) -> dict[Any, Any]:
        return modelled.profiles(function, given, name=f"{name} {side}", vgpu=vgpu, ways=("graph",), mode=sampled)

    with UncomputedProducts():
        fused = profiled(suite.fused, inputs, "fused")
    without_memory = map_tensors(lambda tensor: tensor.to("meta"), inputs)
    try:
        with RememberedShapes():
            reference = profiled(suite.reference, without_memory, "reference")["eager"]
    except (NotImplementedError, RuntimeError):  # it looks at numbers, to stop early or to choose a size
        with UncomputedProducts():
            reference = profiled(suite.reference, inputs, "reference")["eager"]
    return reference, fused["eager"], fused["graph"]


def _measured(
    suite: Suite, inputs: tuple[Any, ...], name: str, device: Device
) -> tuple[Profile, Profile, Profile | str]:
    from harness.timing import measured

    reference = measured.profiles(suite.reference, inputs, name=f"{name} reference", device=device)
    fused = measured.profiles(suite.fused, inputs, name=f"{name} fused", device=device, ways=("graph",))
    slow, fast = reference["eager"], fused["eager"]
    assert isinstance(slow, Profile)
    assert isinstance(fast, Profile)
    return slow, fast, fused["graph"]
