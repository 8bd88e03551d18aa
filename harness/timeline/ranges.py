"""Ranges around code: named in NVTX, in torch's profiler, and on the clock that the device's times are on.

In: a name and a block of code. Out: a `Range` with the host's start and end. Nothing inside a timed loop: a range is
opened around it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

DOMAIN = "fuseproof"


@dataclass(slots=True)
class Range:
    """Host times in nanoseconds; `end` is set when the block is left."""

    name: str
    start: int
    end: int | None = None

    @property
    def length(self) -> int:
        if self.end is None:
            raise ValueError(f"range {self.name!r} is still open")
        return self.end - self.start


@contextmanager
def region(name: str, clock: Callable[[], int] = time.perf_counter_ns) -> Iterator[Range]:
    """An NVTX start/end range in fuseproof's domain and a torch record_function (Kineto does not see NVTX).

    `clock` gives the host's time: the virtual clock's in a modelled run.
    """
    import nvtx
    import torch

    with torch.profiler.record_function(name):
        handle = nvtx.start_range(message=name, domain=DOMAIN)
        opened = Range(name, clock())
        try:
            yield opened
        finally:
            opened.end = clock()
            nvtx.end_range(handle)
