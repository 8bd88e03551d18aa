"""A kernel of a loaded module: what the driver asks of it, and its launches."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import cache
from math import prod

from harness.vgpu.counters.record import Counters
from harness.vgpu.errors import KernelFault
from harness.vgpu.jit.frame import Frame
from harness.vgpu.jit.linking import localise
from harness.vgpu.jit.target import Target
from harness.vgpu.ptx.program import Function
from harness.vgpu.run import report
from harness.vgpu.run.code import Code, compiled
from harness.vgpu.run.launch import Extent, Launch, Shape, Variants
from harness.vgpu.run.mode import Mode
from harness.vgpu.run.outline import Program
from harness.vgpu.run.variables import Variables

MOST_KEPT = 64  # descriptions of launches of a kernel
MOST_THREADS = 1024  # of a block, where the kernel sets no limit of its own
_NOT_COUNTED = Counters()
_cores = cache(lambda: os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Parameter:
    """Where one kernel parameter lies in the parameter buffer."""

    offset: int
    size: int


class LoadedKernel:
    """One `.entry` of a module."""

    def __init__(self, function: Function, program: Program, variables: Variables, target: Target) -> None:
        frame = Frame(localise(function), program.outline, target)
        self.name = function.name
        self.parameters = tuple(
            Parameter(frame.parameters[p.name], frame.parameter_sizes[p.name]) for p in function.parameters
        )
        self.parameter_bytes = frame.parameter_bytes
        self.static_shared_bytes = frame.shared_bytes - frame.reserved_bytes
        self.local_bytes = frame.activation[function.name]
        self.max_threads = _max_threads(function)
        self._placed_shared_bytes = frame.shared_bytes
        self._program = program
        self._variables = variables
        self._target = target
        self._ready: dict[bool, tuple[Code, int]] = {}  # by whether it counts
        self._kept: dict[Shape, Launch] = {}  # taken out while they run
        self._lock = threading.Lock()

    def prepare(self, counts: bool = False) -> tuple[Code, int]:
        """Compile the code, or the code that counts, now rather than at the first launch. Raises UnsupportedPtx."""
        with self._lock:
            if counts not in self._ready:
                self._ready[counts] = compiled(self._program, self.name, self._target, counts)
            return self._ready[counts]

    def launch(
        self,
        grid: Extent,
        block: Extent,
        dynamic_shared_bytes: int,
        parameters: bytes,
        mode: Mode,
        cooperative: bool = False,
    ) -> Counters:
        """Run the grid to its end. Raises KernelFault, UnsupportedPtx (the first launch compiles).

        Blocks of a cooperative launch are all under way at once, so that they can wait for each other.
        """
        shape = Shape(grid, block, dynamic_shared_bytes, mode)
        launch = self._kept.pop(shape, None) or self._described(shape)
        if cooperative:
            with launch.cooperative():
                self._run(launch, parameters, 1)
            return launch.counters() if mode.counted else _NOT_COUNTED
        self._run(launch, parameters, 1 if launch.code.in_order else mode.workers or _cores())
        if mode.counted:
            return launch.counters()
        if len(self._kept) < MOST_KEPT:
            self._kept[shape] = launch
        return _NOT_COUNTED

    def _described(self, shape: Shape) -> Launch:
        mode = shape.mode
        plain = None if mode.counted and not mode.sample else self.prepare()
        variants = Variants(plain, self.prepare(counts=True) if mode.counted else None)
        code, _ = variants.counting or self.prepare()
        symbols = [self._variables.places[name][0] for name in code.symbols]
        return Launch(variants, symbols, self._placed_shared_bytes, shape)

    def _run(self, launch: Launch, parameters: bytes, workers: int) -> None:
        if not launch.run(parameters, workers):
            program = self._program.whole
            raise KernelFault(*report.describe(launch.c, self, program, program.functions[self.name]))


def _max_threads(function: Function) -> int:
    for directive in ("reqntid", "maxntid"):
        if directive in function.directives:
            return prod(function.directives[directive])
    return MOST_THREADS
