"""A launch as the scheduler reads it: the C structure, filled in, and what comes out of it.

In: code, a shape, a mode. Out: a `Launch` that can run, again and again where nothing is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from harness.vgpu.counters.collect import Counted, Footprint, NodeCounts, SiteCounts
from harness.vgpu.counters.collect import counters as collected
from harness.vgpu.counters.record import Counters, LongestWarp
from harness.vgpu.jit.facts import Facts
from harness.vgpu.jit.frame import SPACES, Access, Site
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


class Variants(NamedTuple):
    """The code of a kernel with its address, and the code that counts; one of them may not be needed."""

    plain: tuple[Code, int] | None
    counting: tuple[Code, int] | None


class Launch:
    """One description; `c` is the structure. It keeps alive what the structure points at."""

    __slots__ = (
        "_buffers",
        "_footprint",
        "_node_counts",
        "_parameters",
        "_ranges",
        "_site_counts",
        "c",
        "code",
        "mode",
    )

    def __init__(self, variants: Variants, symbols: Sequence[int], static_shared: int, shape: Shape) -> None:
        """`symbols`: the addresses of the variables that the code names. `static_shared`: with the reserved bytes."""
        c, grid, block, mode = ffi.new("vgpu_launch *"), shape.grid, shape.block, shape.mode
        codes = [variant[0] for variant in variants if variant]
        assert len({(code.symbols, code.sites) for code in codes}) == 1  # both are lowered in the same order
        self.c, self.code, self.mode = c, codes[-1], mode
        code = self.code
        self._parameters = ffi.new("uint8_t[]", PARAMETER_BUFFER)
        places, named = _sites(code.sites), ffi.new("uint64_t[]", symbols or [0])
        self._buffers: list[Any] = [places, named]
        self._footprint: list[Any] = []
        self._ranges: Any = None
        c.warp, c.counting_warp = (_function(variant[1]) if variant else ffi.NULL for variant in variants)
        c.grid, c.block = grid, block
        c.blocks = grid[0] * grid[1] * grid[2]
        c.warps = -(-(block[0] * block[1] * block[2]) // 32)
        c.checked, c.counted, c.reverse = mode.checked, mode.counted, mode.reverse
        c.shared_bytes = static_shared + shape.dynamic_shared
        c.dynamic_shared_bytes = shape.dynamic_shared
        c.local_bytes = code.local_bytes
        c.spins, c.resident = code.spins, 1
        c.frame_bytes = max(-(-each.frame_bytes // 64) * 64 for each in codes)
        c.sites, c.site = len(code.sites), places
        if mode.counted:
            self._make_counts(code)
        c.parameters, c.symbols = self._parameters, named
        c.helpers = lib().vgpu_helper_table()

    def run(self, parameters: bytes, workers: int) -> bool:
        """Run the grid to its end with the memory that is allocated now; whether it got there."""
        ffi.memmove(self._parameters, parameters, len(parameters))
        self._attach(table.snapshot())
        self.c.next_block = max(0, self.c.blocks - self.mode.last) if self.mode.last else 0
        lib().vgpu_run(self.c, workers)
        return not self.c.failed

    def _attach(self, allocations: tuple[Allocation, ...]) -> None:
        self._ranges = _ranges(allocations)
        self.c.allocations, self.c.allocation_count = self._ranges, len(allocations)
        if self.mode.counted:
            self._footprint = [ffi.new("uint32_t[]", (a.end - 1) // 128 - a.address // 128 + 1) for a in allocations]
            pointers = ffi.new("uint32_t *[]", self._footprint or 1)
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

    def _make_counts(self, code: Code) -> None:
        """Room for what is counted."""
        c, sample = self.c, self.mode.sample
        c.sample, c.alone = min(sample, c.blocks) if sample else c.blocks, self.mode.alone
        c.nodes, node = len(code.facts), _nodes(code.facts)
        self._node_counts = ffi.new("vgpu_node_count[]", len(code.facts))
        self._site_counts = ffi.new("vgpu_site_count[]", len(code.sites))
        c.node, c.node_counts, c.site_counts = node, self._node_counts, self._site_counts
        self._buffers.append(node)

    def counters(self) -> Counters:
        """What a counted launch has counted."""
        c, longest = self.c, self.c.longest
        counted = Counted(
            blocks=c.blocks,
            warps=c.blocks * c.warps,
            sampled=c.sample,
            facts=self.code.facts,
            nodes=[NodeCounts._make(numbers) for numbers in _numbers(self._node_counts, len(NodeCounts._fields))],
            sites=self.code.sites,
            site_counts=[SiteCounts._make(numbers) for numbers in _numbers(self._site_counts, len(SiteCounts._fields))],
            footprint=_states(self._footprint),
            longest=LongestWarp(*(getattr(longest, name) for name in LongestWarp.__slots__)),
        )
        return collected(counted, self.mode.by_line)


def _function(address: int) -> Any:
    return ffi.cast("int32_t (*)(vgpu_warp *)", address)


def _numbers(array: Any, width: int) -> list[tuple[int, ...]]:
    """A C array of structures of so many 64-bit numbers, a tuple each."""
    flat = memoryview(ffi.buffer(array)).cast("Q").tolist()
    return [tuple(flat[start : start + width]) for start in range(0, len(flat), width)]


def _states(footprint: list[Any]) -> Footprint:
    """What the bits of layout.h's footprint say, added up."""
    states = ffi.new("uint64_t[16]")
    for lines in footprint:
        lib().vgpu_count_states(lines, len(lines), states)
    counts = list(states)

    def with_bits(bits: int, without: int = 0) -> int:
        return sum(n for state, n in enumerate(counts) if state & bits == bits and not state & without)

    return Footprint(with_bits(1, 4), with_bits(5), with_bits(2, 8), with_bits(10))


_ACCESS: dict[Access, int] = {"load": 1, "store": 2, "atomic": 3, "reduction": 3, "internal": 0}


def _nodes(facts: tuple[Facts, ...]) -> Any:
    found = ffi.new("vgpu_node[]", max(1, len(facts)))
    for index, each in enumerate(facts):
        found[index].instructions = sum(each.instructions.values())
        found[index].barriers, found[index].load_rounds = each.barriers, each.load_rounds
    return found


def _sites(sites: tuple[Site, ...]) -> Any:
    found = ffi.new("vgpu_site[]", max(1, len(sites)))
    for index, site in enumerate(sites):
        found[index].space, found[index].line = SPACES[site.space], site.line
        found[index].access, found[index].around_l1 = _ACCESS[site.access], site.around_l1
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
