"""The allocations that a kernel may touch: a sorted table that checked accesses are looked up in.

Filled by the driver (device memory, registered host memory, module variables); read by the compiled code.
(contract; the implementation follows)
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allocation:
    """`size` bytes at `address`; `label` names it in error reports ("cuMemAlloc #3", "torch tensor x")."""

    address: int
    size: int
    label: str


class Allocations:
    """Disjoint allocations by address. One instance, `table`, for the process."""

    def add(self, address: int, size: int, label: str) -> None: ...

    def remove(self, address: int) -> None: ...

    def find(self, address: int) -> Allocation | None:
        """The allocation that holds this address."""
        ...


table = Allocations()
