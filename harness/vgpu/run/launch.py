"""A launch as the scheduler reads it: the C structure, filled in, and what comes out of it.

In: code, a shape, a mode. Out: a `Launch` that can run, again and again where nothing is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from harness.vgpu.counters.record import Counters
from harness.vgpu.jit.frame import SPACES, Site
from harness.vgpu.layout import ffi
from harness.vgpu.run.allocations import Allocation, table
from harness.vgpu.run.code import Code
from harness.vgpu.run.mode import Mode
from harness.vgpu.run.native import lib

PARAMETER_BUFFER = 32768  # what parameter_window in memory.c allows

Extent = tuple[int, int, int]


class Shape(NamedTuple):
    """What two launches of a kernel have in common that need only one description."""

    grid: Extent
    block: Extent
    dynamic_shared: int
    mode: Mode


class Launch:
    """One description; `c` is the structure. It keeps alive what the structure points at."""

    __slots__ = ("_buffers", "_footprint", "_parameters", "_ranges", "c", "code", "counted", "last")

    def __init__(self, code: Code, address: int, symbols: Sequence[int], static_shared: int, shape: Shape) -> None:
        """`symbols`: the addresses of the variables that the code names. `static_shared`: with the reserved bytes."""
        c, grid, block, mode = ffi.new("vgpu_launch *"), shape.grid, shape.block, shape.mode
        self.c, self.code, self.counted, self.last = c, code, mode.counted, mode.last
        self._parameters = ffi.new("uint8_t[]", PARAMETER_BUFFER)
        places, named = _sites(code.sites), ffi.new("uint64_t[]", symbols or [0])
        executed = ffi.new("uint64_t[]", len(code.mix))
        self._buffers: list[Any] = [places, named, executed]
        self._footprint: list[Any] = []
        self._ranges: Any = None
        c.warp = ffi.cast("int32_t (*)(vgpu_warp *)", address)
        c.grid, c.block = grid, block
        c.blocks = grid[0] * grid[1] * grid[2]
        c.warps = -(-(block[0] * block[1] * block[2]) // 32)
        c.checked, c.counted, c.reverse = mode.checked, mode.counted, mode.reverse
        c.shared_bytes = static_shared + shape.dynamic_shared
        c.dynamic_shared_bytes = shape.dynamic_shared
        c.local_bytes = code.local_bytes
        c.spins, c.resident = code.spins, 1
        c.frame_bytes = -(-code.frame_bytes // 64) * 64
        c.sites, c.site = len(code.sites), places
        c.counted_blocks, c.executed = len(code.mix), executed
        c.parameters, c.symbols = self._parameters, named
        c.helpers = lib().vgpu_helper_table()

    def run(self, parameters: bytes, workers: int) -> bool:
        """Run the grid to its end with the memory that is allocated now; whether it got there."""
        ffi.memmove(self._parameters, parameters, len(parameters))
        self._attach(table.snapshot())
        self.c.next_block = max(0, self.c.blocks - self.last) if self.last else 0
        lib().vgpu_run(self.c, workers)
        return not self.c.failed

    def _attach(self, allocations: tuple[Allocation, ...]) -> None:
        self._ranges = _ranges(allocations)
        self.c.allocations, self.c.allocation_count = self._ranges, len(allocations)
        if self.counted:
            self._footprint = [ffi.new("uint8_t[]", (a.end - 1) // 32 - a.address // 32 + 1) for a in allocations]
            pointers = ffi.new("uint8_t *[]", self._footprint or 1)
            self.c.footprint = pointers
            self._buffers.append(pointers)

    @contextmanager
    def cooperative(self) -> Iterator[None]:
        """Let all blocks be under way at once, and give them the memory in which grid.sync() counts them."""
        workspace = ffi.new("uint32_t[4]")
        self.c.workspace = int(ffi.cast("uintptr_t", workspace))
        self.c.spins, self.c.resident = 1, self.c.blocks
        workspace[0] = ffi.sizeof(workspace)  # grid_workspace.wsSize of cooperative_groups/details/driver_abi.h
        table.add(self.c.workspace, ffi.sizeof(workspace), "the grid's workspace")
        try:
            yield
        finally:
            table.remove(self.c.workspace)

    def counters(self) -> Counters:
        """What a counted launch has counted."""
        c = self.c
        instructions: Counter[str] = Counter()
        for times, mix in zip(c.executed[0 : len(self.code.mix)], self.code.mix, strict=True):
            for kind, count in mix.items():
                instructions[kind] += times * count
        states: Counter[int] = Counter()
        for sectors in self._footprint:
            content = bytes(ffi.buffer(sectors))
            for state in (1, 2, 3):
                states[state] += content.count(state)
        return Counters(
            blocks=c.blocks,
            warps=c.blocks * c.warps,
            instructions=dict(sorted(instructions.items())),
            load_requests=c.traffic.load_requests,
            store_requests=c.traffic.store_requests,
            sectors_read=c.traffic.sectors_read,
            sectors_written=c.traffic.sectors_written,
            dram_read_bytes=32 * (states[1] + states[3]),
            dram_write_bytes=32 * (states[2] + states[3]),
        )


def _sites(sites: tuple[Site, ...]) -> Any:
    found = ffi.new("vgpu_site[]", max(1, len(sites)))
    for index, site in enumerate(sites):
        found[index].space, found[index].line = SPACES[site.space], site.line
    return found


_latest: list[tuple[tuple[Allocation, ...], Any]] = []  # the ranges made last, and what they were made of


def _ranges(allocations: tuple[Allocation, ...]) -> Any:
    """The allocations as the scheduler reads them; made again when one came or went."""
    for known, ranges in _latest[:]:
        if known is allocations:
            return ranges
    ranges = ffi.new("vgpu_range[]", max(1, len(allocations)))
    for index, allocation in enumerate(allocations):
        ranges[index].start, ranges[index].end = allocation.address, allocation.end
    _latest[:] = [(allocations, ranges)]
    return ranges
