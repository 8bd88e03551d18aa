"""Budgets: how efficient the kernels of a function must be.

In: a `Run` and a `Budget`. Out: nothing, or an error that names each kernel and figure beyond the budget, and the line
of its source that costs most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.counted.kernels import Kernel, Run
from harness.counted.lines import CostlyLine, costly_lines
from harness.errors import FuseproofError


@dataclass(frozen=True, slots=True)
class Budget:
    """What is None is not asked for. Shares are of each kernel; `traffic` is DRAM bytes of all kernels over the
    compulsory ones, at most; `spill_bytes` those of each kernel, at most."""

    sector_efficiency: float | None = None
    conflict_free: float | None = None
    active_lanes: float | None = None
    traffic: float | None = None
    spill_bytes: int | None = None


class BudgetExceeded(FuseproofError):
    """A kernel moves, conflicts, idles or spills more than its budget allows."""


def require(run: Run, budget: Budget) -> None:
    """Raise BudgetExceeded where a figure is beyond the budget, or where there is nothing to have one."""
    if not run.kernels:
        raise BudgetExceeded(f"{run.name or 'the function'}: it launched no kernel through PyCUDA, so none was counted")
    found = [*_of_run(run, budget), *(sentence for kernel in run.kernels for sentence in _of_kernel(kernel, budget))]
    if found:
        raise BudgetExceeded(f"{run.name or 'the function'} on {run.device}: {'; '.join(found)}")


def _of_run(run: Run, budget: Budget) -> Iterator[str]:
    if budget.traffic is None:
        return
    if run.traffic is None:
        yield f"no traffic is known to be compulsory, for {run.withheld}: leave traffic out of the budget"
    elif run.traffic > budget.traffic:
        moved = f"{run.counters.dram_bytes:,} bytes of DRAM traffic, {run.traffic:.3f} times"
        yield f"{moved} the {run.compulsory_bytes:,} of inputs and outputs; {budget.traffic:.3f} times are allowed"


_SHARES = (
    ("sector_efficiency", "sector", "sector efficiency", lambda line: line.sectors - line.ideal_sectors),
    ("conflict_free", "conflict_free", "conflict-free share", lambda line: line.wavefronts - line.ideal_wavefronts),
    ("active_lanes", "active_lanes", "active lanes", lambda line: 32 * line.instructions - line.thread_instructions),
)


def _of_kernel(kernel: Kernel, budget: Budget) -> Iterator[str]:
    for wanted, name, title, excess in _SHARES:
        least, share = getattr(budget, wanted), getattr(kernel.efficiency, name)
        if least is None or share is None or share >= least:
            continue
        worst = max(costly_lines(kernel), key=lambda line: excess(line.counters))
        yield f"{kernel.name}: {title} {share:.1%}, {least:.1%} are wanted, mostly at {_named(worst)}"
    if budget.spill_bytes is None:
        return
    if kernel.resources is None:
        yield f"{kernel.name}: nobody knows what it spills, for it was not compiled by harness.kernel"
    elif kernel.resources.spill_bytes > budget.spill_bytes:
        yield f"{kernel.name}: {kernel.resources.spill_bytes} bytes spilled a thread, {budget.spill_bytes} are allowed"


def _named(line: CostlyLine) -> str:
    return f"{line.where} ({line.text})" if line.text else line.where
