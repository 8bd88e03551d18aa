"""A loaded module: its kernels ready to launch, its variables placed in memory."""

from __future__ import annotations

import os
import pickle
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

from harness.vgpu.counters.record import Counters
from harness.vgpu.errors import KernelFault, VgpuError
from harness.vgpu.jit import compile as jit
from harness.vgpu.jit.frame import SPACES, Frame, Site, function_address
from harness.vgpu.jit.linking import localise
from harness.vgpu.jit.lowering import lower
from harness.vgpu.jit.target import Target
from harness.vgpu.layout import ffi
from harness.vgpu.ptx.program import Float, Function, Integer, Symbol, Variable, type_size
from harness.vgpu.run import report
from harness.vgpu.run.allocations import Allocation, table
from harness.vgpu.run.mode import Mode
from harness.vgpu.run.native import lib
from harness.vgpu.run.outline import Program

PARAMETER_BUFFER = 32768  # what parameter_window in memory.c allows


@dataclass(frozen=True, slots=True)
class Parameter:
    """Where one kernel parameter lies in the parameter buffer."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class _Code:
    """A compiled kernel: everything of it that can be kept on disk."""

    object: bytes
    frame_bytes: int
    local_bytes: int
    sites: tuple[Site, ...]
    mix: tuple[dict[str, int], ...]
    symbols: tuple[str, ...]
    spins: bool
    in_order: bool


class LoadedKernel:
    """One `.entry` of a loaded module."""

    def __init__(self, module: LoadedModule, function: Function) -> None:
        self._target = module.target
        frame = Frame(localise(function), module.program.outline, self._target)
        self.name = function.name
        self.parameters = tuple(
            Parameter(frame.parameters[p.name], frame.parameter_sizes[p.name]) for p in function.parameters
        )
        self.parameter_bytes = frame.parameter_bytes
        self.static_shared_bytes = frame.shared_bytes - frame.reserved_bytes
        self._reserved_shared_bytes = frame.reserved_bytes
        self.local_bytes = frame.activation[function.name]
        self.max_threads = _max_threads(function)
        self._module = module
        self._code: _Code | None = None
        self._address = 0
        self._sites: Any = None  # what the scheduler reads of the code's sites
        self._prepared: dict[Any, _Prepared] = {}  # by shape and mode; taken out while it runs
        self._lock = threading.Lock()

    def prepare(self) -> _Code:
        """Compile now rather than at the first launch. Raises UnsupportedPtx."""
        with self._lock:
            if self._code is None:
                code = self._compiled()
                self._address = jit.link(self._key(), code.object)
                self._sites = _sites(code.sites)
                self._code = code
            return self._code

    def _key(self) -> str:
        return jit.cache_key(self._module.program.text, self.name, target=self._target)

    def _compiled(self) -> _Code:
        key = self._key()
        kept = jit.stored(key)
        if kept is not None:
            return pickle.loads(kept)  # the cache is the user's own
        program = self._module.program.whole
        lowered = lower(program, program.functions[self.name], self._target)
        code = _Code(
            object=jit.object_code(lowered.ir, self._target),
            frame_bytes=lowered.frame_bytes,
            local_bytes=lowered.local_bytes,
            sites=lowered.sites,
            mix=lowered.mix,
            symbols=tuple(lowered.frame.symbols),
            spins=lowered.spins,
            in_order=lowered.in_order,
        )
        jit.store(key, pickle.dumps(code))
        return code

    def launch(
        self,
        grid: tuple[int, int, int],
        block: tuple[int, int, int],
        dynamic_shared_bytes: int,
        parameters: bytes,
        mode: Mode,
        cooperative: bool = False,
    ) -> Counters:
        """Run the grid to its end. Raises KernelFault, UnsupportedPtx (the first launch compiles).

        Blocks of a cooperative launch are all under way at once, so that they can wait for each other.
        """
        code = self._code or self.prepare()
        shape = (grid, block, dynamic_shared_bytes, mode)
        again = not mode.counted and not cooperative
        prepared = self._prepared.pop(shape, None) if again else None
        prepared = prepared or _Prepared(self._describe(code, *shape))
        launch = prepared.launch
        ffi.memmove(prepared.parameters, parameters, len(parameters))
        with _grid_workspace(launch) if cooperative else _NOTHING:
            footprint = _attach_allocations(prepared, table.snapshot(), mode)
            lib().vgpu_run(launch, 1 if code.in_order or cooperative else mode.workers or _cores())
        if launch.failed:
            program = self._module.program.whole
            raise KernelFault(*report.describe(launch, self, program, program.functions[self.name]))
        if mode.counted:
            return _counters(launch, code, footprint)
        if again and len(self._prepared) < MOST_PREPARED:
            launch.next_block = 0
            self._prepared[shape] = prepared
        return _NOT_COUNTED

    def _describe(
        self, code: _Code, grid: tuple[int, int, int], block: tuple[int, int, int], dynamic: int, mode: Mode
    ) -> tuple[Any, Any, list[Any]]:
        """The launch as the scheduler reads it, its parameters' place, and the buffers that must live as long."""
        launch = ffi.new("vgpu_launch *")
        buffer = ffi.new("uint8_t[]", PARAMETER_BUFFER)
        sites = self._sites
        addresses = [self._module.variables[name][0] for name in code.symbols]
        symbols = ffi.new("uint64_t[]", addresses or [0])
        executed = ffi.new("uint64_t[]", len(code.mix))
        launch.warp = ffi.cast("int32_t (*)(vgpu_warp *)", self._address)
        launch.grid, launch.block = grid, block
        launch.blocks = grid[0] * grid[1] * grid[2]
        launch.warps = -(-(block[0] * block[1] * block[2]) // 32)
        launch.checked, launch.counted, launch.reverse = mode.checked, mode.counted, mode.reverse
        launch.shared_bytes = self._reserved_shared_bytes + self.static_shared_bytes + dynamic
        launch.dynamic_shared_bytes = dynamic
        launch.local_bytes = code.local_bytes
        launch.spins, launch.resident = code.spins, 1
        launch.frame_bytes = -(-code.frame_bytes // 64) * 64
        launch.sites, launch.site = len(code.sites), sites
        launch.counted_blocks, launch.executed = len(code.mix), executed
        launch.parameters, launch.symbols = buffer, symbols
        launch.helpers = lib().vgpu_helper_table()
        return launch, buffer, [sites, symbols, executed]


class _Prepared:
    """The description of a launch: made once for a shape that is launched again and again."""

    __slots__ = ("launch", "owned", "parameters", "ranges")

    def __init__(self, described: tuple[Any, Any, list[Any]]) -> None:
        self.launch, self.parameters, self.owned = described
        self.ranges: Any = None


MOST_PREPARED = 64  # shapes of a kernel
_NOT_COUNTED = Counters()
_NOTHING = nullcontext()
_cores = cache(lambda: os.cpu_count() or 1)


@contextmanager
def _grid_workspace(launch: Any) -> Iterator[None]:
    """Let all blocks be under way at once, and give them the memory in which grid.sync() counts them."""
    workspace = ffi.new("uint32_t[4]")
    launch.workspace = int(ffi.cast("uintptr_t", workspace))
    launch.spins, launch.resident = 1, launch.blocks
    workspace[0] = ffi.sizeof(workspace)  # grid_workspace.wsSize of cooperative_groups/details/driver_abi.h
    table.add(launch.workspace, ffi.sizeof(workspace), "the grid's workspace")
    try:
        yield
    finally:
        table.remove(launch.workspace)


def _sites(sites: tuple[Site, ...]) -> Any:
    """As the scheduler reads them."""
    found = ffi.new("vgpu_site[]", max(1, len(sites)))
    for index, site in enumerate(sites):
        found[index].space, found[index].line = SPACES[site.space], site.line
    return found


def _max_threads(function: Function) -> int:
    for directive in ("reqntid", "maxntid"):
        if directive in function.directives:
            threads = 1
            for extent in function.directives[directive]:
                threads *= extent
            return threads
    return 1024


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


def _attach_allocations(prepared: _Prepared, allocations: tuple[Allocation, ...], mode: Mode) -> list[Any]:
    """The footprint of each allocation, where the launch is counted."""
    launch, prepared.ranges = prepared.launch, _ranges(allocations)
    launch.allocations, launch.allocation_count = prepared.ranges, len(allocations)
    if not mode.counted:
        return []
    footprint = [ffi.new("uint8_t[]", (a.end - 1) // 32 - a.address // 32 + 1) for a in allocations]
    pointers = ffi.new("uint8_t *[]", footprint or 1)
    launch.footprint = pointers
    prepared.owned.append(pointers)
    return footprint


def _counters(launch: Any, code: _Code, footprint: list[Any]) -> Counters:
    instructions: Counter[str] = Counter()
    for times, mix in zip(launch.executed[0 : len(code.mix)], code.mix, strict=True):
        for kind, count in mix.items():
            instructions[kind] += times * count
    states: Counter[int] = Counter()
    for sectors in footprint:
        content = bytes(ffi.buffer(sectors))
        for state in (1, 2, 3):
            states[state] += content.count(state)
    return Counters(
        blocks=launch.blocks,
        warps=launch.blocks * launch.warps,
        instructions=dict(sorted(instructions.items())),
        load_requests=launch.traffic.load_requests,
        store_requests=launch.traffic.store_requests,
        sectors_read=launch.traffic.sectors_read,
        sectors_written=launch.traffic.sectors_written,
        dram_read_bytes=32 * (states[1] + states[3]),
        dram_write_bytes=32 * (states[2] + states[3]),
    )


class LoadedModule:
    """Kernels and global variables by name; `variables[name]` is (address, bytes)."""

    def __init__(self, program: Program, target: Target) -> None:
        self.program = program
        self.target = target
        outline = program.outline
        self.kernels: dict[str, LoadedKernel] = {}
        self.variables: dict[str, tuple[int, int]] = {}
        self._memory: list[Any] = []
        self._placed: list[int] = []
        self._release = weakref.finalize(self, _forget, self._placed, self._memory)
        for variable in outline.variables.values():
            if variable.space in ("global", "const"):
                self._place(variable)
        for variable in outline.variables.values():
            if variable.initializer:
                self._initialise(variable)
        if "malloc" in outline.prototypes:
            _make_heap()
        for function in outline.functions.values():
            if function.is_kernel:
                self.kernels[function.name] = LoadedKernel(self, function)

    def _place(self, variable: Variable) -> None:
        if variable.size == 0:
            raise VgpuError(f"{self.program.name}: the extern variable {variable.name} has no size")
        memory = ffi.new("uint8_t[]", variable.size + 256)
        address = -(-int(ffi.cast("uintptr_t", memory)) // 256) * 256
        self._memory.append(memory)
        self.variables[variable.name] = (address, variable.size)
        table.add(address, variable.size, f"variable {variable.name} of {self.program.name}")
        self._placed.append(address)

    def _initialise(self, variable: Variable) -> None:
        address, _ = self.variables[variable.name]
        size = type_size(variable.type)
        for index, value in enumerate(variable.initializer or ()):
            match value:
                case Integer(number):
                    bits = number
                case Float(bits, _):
                    pass
                case Symbol(name, offset) if name in self.variables:
                    bits = self.variables[name][0] + offset
                case Symbol(name, _) if name in self.program.outline.functions:
                    bits = function_address(self.program.outline, name)
                case _:
                    raise VgpuError(f"{self.program.name}: {variable.name} cannot be initialised with {value}")
            pattern = (bits & (1 << 8 * size) - 1).to_bytes(size, "little")
            ffi.memmove(ffi.cast("uint8_t *", address + index * size), pattern, size)

    def unload(self) -> None:
        """Give the variables' memory back; also happens when nothing refers to the module any more."""
        self._release()
        self.variables.clear()


HEAP_BYTES = 8 << 20  # CUDA's default for CU_LIMIT_MALLOC_HEAP_SIZE


@cache
def _make_heap() -> None:
    """Memory for malloc in kernels: one heap for the process, as CUDA has one for a context."""
    memory = ffi.new("uint8_t[]", HEAP_BYTES + 256)
    start = -(-int(ffi.cast("uintptr_t", memory)) // 256) * 256
    _heap.append(memory)
    lib().vgpu_heap(ffi.cast("uint8_t *", start), HEAP_BYTES)
    table.add(start, HEAP_BYTES, "the device heap (malloc in kernels)")


_heap: list[Any] = []


def _forget(addresses: list[int], memory: list[Any]) -> None:
    for address in addresses:
        table.remove(address)
    memory.clear()


def load(ptx: str, name: str = "<ptx>", target: Target | None = None) -> LoadedModule:
    """Read PTX and place its variables. Raises InvalidPtx. Kernels are compiled at their first launch.

    `target` is the CPU to compile for, if it is not this machine's.
    """
    target = target or jit.host()
    return LoadedModule(Program(ptx, name, target), target)
