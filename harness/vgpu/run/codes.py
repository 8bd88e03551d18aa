"""Which code a launch runs: the first, small ones what was compiled quickly, all others what was optimised.

Most kernels of a test or a mutant run a few warps and are never launched again: optimising them takes longer than they
run. What a launch computes is the same either way.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from math import prod

from harness.vgpu.jit.target import Target
from harness.vgpu.occupancy import warps_of
from harness.vgpu.run.code import Code, compiled
from harness.vgpu.run.launch import Extent
from harness.vgpu.run.mode import Mode
from harness.vgpu.run.outline import Program

QUICK_WARPS = 2048  # of a kernel, in all its launches: those of a norm lose 30 ms, where optimising attention takes 800


class Codes:
    """The code of one kernel, and its code that counts, each compiled when a launch needs it.

    `quick_warps` is how many warps run on code that was compiled without optimisation; 0 for none.
    """

    def __init__(self, program: Program, kernel: str, target: Target, quick_warps: int) -> None:
        self._program, self._kernel = program, kernel
        self._targets = {True: replace(target, optimisation=0), False: target}
        self._left = quick_warps
        self._ready: dict[tuple[bool, bool], tuple[Code, int]] = {}  # by whether it counts, and was compiled quickly
        self._lock = threading.Lock()

    def quick(self, grid: Extent, block: Extent, mode: Mode) -> bool:
        """Whether this launch is one of the small ones; its warps count."""
        if self._left <= 0:
            return False
        blocks = min(prod(grid), mode.last or prod(grid))
        self._left -= blocks * warps_of(prod(block))
        return self._left >= 0

    def get(self, counts: bool, quick: bool) -> tuple[Code, int]:
        """The code and its address. Raises UnsupportedPtx."""
        with self._lock:
            if (counts, quick) not in self._ready:
                self._ready[counts, quick] = compiled(self._program, self._kernel, self._targets[quick], counts)
            return self._ready[counts, quick]
