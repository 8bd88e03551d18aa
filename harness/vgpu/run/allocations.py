"""The allocations that a kernel may touch: a sorted table that checked accesses are looked up in.

Filled by the driver (device memory, registered host memory, module variables); read by the compiled code.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from dataclasses import dataclass

from harness.vgpu.errors import VgpuError


@dataclass(frozen=True, slots=True)
class Allocation:
    """`size` bytes at `address`; `label` names it in error reports ("cuMemAlloc #3", "torch tensor x")."""

    address: int
    size: int
    label: str

    @property
    def end(self) -> int:
        return self.address + self.size


class Allocations:
    """Disjoint allocations by address. One instance, `table`, for the process."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._allocations: list[Allocation] = []
        self._snapshot: tuple[Allocation, ...] | None = ()
        self._lock = threading.Lock()

    def add(self, address: int, size: int, label: str) -> None:
        """Raises VgpuError where the new allocation overlaps a known one. Empty ones are not kept."""
        if size <= 0:
            return
        with self._lock:
            index = bisect_right(self._starts, address)
            neighbours = self._allocations[max(index - 1, 0) : index + 1]
            for other in neighbours:
                if other.address < address + size and address < other.end:
                    raise VgpuError(f"{label} at {address:#x} ({size} bytes) overlaps {other.label}")
            self._starts.insert(index, address)
            self._allocations.insert(index, Allocation(address, size, label))
            self._snapshot = None

    def remove(self, address: int) -> None:
        """Forget the allocation that starts at `address`. Raises VgpuError where there is none."""
        with self._lock:
            index = bisect_right(self._starts, address) - 1
            if index < 0 or self._starts[index] != address:
                raise VgpuError(f"no allocation starts at {address:#x}")
            del self._starts[index]
            del self._allocations[index]
            self._snapshot = None

    def find(self, address: int) -> Allocation | None:
        """The allocation that holds this address."""
        with self._lock:
            index = bisect_right(self._starts, address) - 1
            if index >= 0 and address < self._allocations[index].end:
                return self._allocations[index]
            return None

    def nearest(self, address: int) -> Allocation | None:
        """The allocation that ends or starts closest to this address, for reports."""
        with self._lock:
            index = bisect_right(self._starts, address)
            near = self._allocations[max(index - 1, 0) : index + 1]
            return min(near, key=lambda a: max(a.address - address, address - a.end + 1, 0), default=None)

    def snapshot(self) -> tuple[Allocation, ...]:
        """All allocations in order of address: the same object until one comes or goes."""
        with self._lock:
            if self._snapshot is None:
                self._snapshot = tuple(self._allocations)
            return self._snapshot


table = Allocations()
