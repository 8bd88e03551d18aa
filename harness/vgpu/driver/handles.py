"""Handles: the integers by which C programs name contexts, modules, functions, streams and events.

In: objects. Out: a handle each, never used twice, so that a stale one is found out.
"""

from __future__ import annotations

import itertools
from typing import TypeVar

from harness.vgpu.driver.errors import DriverError, Result

Thing = TypeVar("Thing")

FIRST = 0x7F50_0000_0000_0010  # no user-space address, so that a pointer passed for a handle is no handle
STEP = 0x10


class Handles:
    """Objects by handle. One instance, `table`, for the process."""

    def __init__(self) -> None:
        self._things: dict[int, object] = {}
        self._next = itertools.count(FIRST, STEP)

    def add(self, thing: object) -> int:
        handle = next(self._next)
        self._things[handle] = thing
        return handle

    def get(self, handle: int, kind: type[Thing]) -> Thing:
        """The object of that handle and kind; INVALID_HANDLE says what the handle is instead."""
        thing = self._things.get(handle)
        if not isinstance(thing, kind):
            instead = (
                f"names a {type(thing).__name__.lower()}"
                if thing is not None
                else "was never given out, or is destroyed"
            )
            raise DriverError(Result.INVALID_HANDLE, f"{handle:#x} is not a {kind.__name__.lower()}: it {instead}")
        return thing

    def remove(self, handle: int, kind: type[Thing]) -> Thing:
        thing = self.get(handle, kind)
        del self._things[handle]
        return thing


table = Handles()
