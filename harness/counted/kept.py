"""What the record of a run keeps of counters. In: a `Run` of one function. Out: `Counts`, plain data."""

from __future__ import annotations

from harness.counted.kernels import Kernel, Run
from harness.results.counts import Counts, KernelCounts


def kept(run: Run) -> Counts:
    """Without lines, instructions and occupancy: those are `fuseproof profile`'s to show."""
    return Counts(tuple(map(_kernel, run.kernels)), run.compulsory_bytes, run.withheld)


def _kernel(kernel: Kernel) -> KernelCounts:
    counters = kernel.counters
    return KernelCounts(
        name=kernel.name,
        launches=kernel.launches,
        grid=tuple(kernel.grid),
        block=tuple(kernel.block),
        registers=kernel.registers,
        spill_bytes=kernel.resources.spill_bytes if kernel.resources else None,
        shared_bytes=kernel.shared_bytes,
        blocks=counters.blocks,
        sampled_blocks=counters.sampled_blocks,
        sectors=counters.sectors,
        ideal_sectors=counters.ideal_sectors,
        wavefronts=counters.wavefronts,
        ideal_wavefronts=counters.ideal_wavefronts,
        dram_read_bytes=counters.dram_read_bytes,
        dram_write_bytes=counters.dram_write_bytes,
    )
