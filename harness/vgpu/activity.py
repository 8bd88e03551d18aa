"""What happens on the virtual clock: operations of the device, and calls of the host that asked for them.

Written by the clock, read by the timeline and the profiles. Times are integer nanoseconds on one clock;
an activity and the call that submitted it share a correlation id, as CUPTI's records do.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Literal, TypeAlias

from harness.vgpu.counters.record import Counters

Kind: TypeAlias = Literal["kernel", "memcpy", "memset"]
Direction: TypeAlias = Literal["H2D", "D2H", "D2D"]
Extent: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Operation:
    """Work for the device, before the clock has given it a time."""

    kind: Kind
    name: str
    duration: int
    grid: Extent | None = None
    block: Extent | None = None
    registers: int = 0
    shared_bytes: int = 0
    counters: Counters | None = None  # exact, where the launch was executed and counted
    bytes: int | None = None  # DRAM bytes of a kernel by rule, where nothing was counted; bytes of a copy or memset
    direction: Direction | None = None  # of a copy

    @property
    def dram_bytes(self) -> int | None:
        """DRAM bytes: counted, else by rule, else unknown."""
        return self.counters.dram_bytes if self.counters is not None else self.bytes


_fields_of = attrgetter(*(field.name for field in fields(Operation)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity(Operation):
    """One operation of the device, done."""

    start: int
    end: int
    submitted: int  # host time at which the submitting call returned
    stream: int
    correlation: int
    after: tuple[int, ...] = ()  # places in the clock's list of the operations that it had to wait for
    graph: int = 0  # number of the CUDA graph that it is a node of; 0 for none
    node: int = 0  # which, from 1 on

    @staticmethod
    def of(operation: Operation, start: int, **times: Any) -> Activity:
        """An operation that starts then; `times` are the other fields."""
        return Activity(*_fields_of(operation), start=start, end=start + operation.duration, **times)


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call into the driver or the runtime; `end` is its return, after what it waits for has happened."""

    name: str
    start: int
    end: int
    correlation: int  # 0 where it submitted nothing
    thread: int = 0  # as the operating system numbers it; 0 where nobody says
