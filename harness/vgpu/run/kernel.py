"""A kernel of a loaded module: what the driver asks of it, and its launches."""

from __future__ import annotations

import os
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
from harness.vgpu.run.code import Code
from harness.vgpu.run.codes import Codes
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

    def __init__(
        self, function: Function, program: Program, variables: Variables, target: Target, quick_warps: int
    ) -> None:
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
        self._codes = Codes(program, function.name, target, quick_warps)
        self._kept: dict[tuple[Shape, bool], Launch] = {}  # by whether its code was compiled quickly

    def prepare(self, counts: bool = False) -> tuple[Code, int]:
        """Compile the code, or the code that counts, now rather than at the first launch. Raises UnsupportedPtx."""
        return self._codes.get(counts, quick=False)

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
        shape, quick = Shape(grid, block, dynamic_shared_bytes, mode), self._codes.quick(grid, block, mode)
        launch = self._kept.pop((shape, quick), None) or self._described(shape, quick)  # taken out while it runs
        if cooperative:
            with launch.cooperative():
                self._run(launch, parameters, 1)
            return launch.counters() if mode.counted else _NOT_COUNTED
        self._run(launch, parameters, 1 if launch.code.in_order else mode.workers or _cores())
        if mode.counted:
            return launch.counters()
        if len(self._kept) < MOST_KEPT:
            self._kept[shape, quick] = launch
        return _NOT_COUNTED

    def _described(self, shape: Shape, quick: bool) -> Launch:
        mode = shape.mode
        plain = None if mode.counted and not mode.sample else self._codes.get(counts=False, quick=quick)
        counting = self._codes.get(counts=True, quick=quick) if mode.counted else None
        variants = Variants(plain, counting)
        code, _ = counting or self._codes.get(counts=False, quick=quick)
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
