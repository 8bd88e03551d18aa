"""How a launch is executed: what is checked, what is counted, in which order warps and blocks go."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mode:
    """`checked`: every global access against its allocation. `counted`: what a `Counters` holds; `by_line`: also for
    each line of the source; `sample`, where it is not 0: in so many blocks only, spread evenly, and scaled up to all;
    `alone`: the others are not run, and what they would write is missing.

    `reverse` runs blocks and warps in descending order: legal, and it exposes a missing barrier.
    `workers` is the number of threads that run blocks; 0 means one per core. Results do not depend on it.
    `last`, where it is not 0, runs only so many blocks, the last of the order: what a launch that is too large to run
    as a whole does at its far end, or, in reverse, at its beginning.
    """

    checked: bool = True
    counted: bool = True
    reverse: bool = False
    workers: int = 0
    last: int = 0
    by_line: bool = False
    sample: int = 0
    alone: bool = False


FAST = Mode(checked=False, counted=False)
