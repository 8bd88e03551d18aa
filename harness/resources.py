"""What ptxas says that kernels take: registers, spills, stack, shared memory.

In: the lines that `ptxas -v` prints while it compiles. Out: `Resources` by the symbol of the kernel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ENTRY = re.compile(r"Compiling entry function '([^']+)' for '(sm_\w+)'")
_PROPERTIES = re.compile(r"Function properties for (\S+)")
_STACK = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"Used (\d+) registers")
_SHARED = re.compile(r"(\d+) bytes smem")


@dataclass(frozen=True, slots=True)
class Resources:
    """Of one kernel, on one architecture. Spilled bytes are those of the instructions that ptxas added, per thread:
    how often they run is not known."""

    architecture: str  # "sm_75"
    registers: int  # a thread
    stack_bytes: int  # a thread: local memory
    spill_store_bytes: int
    spill_load_bytes: int
    shared_bytes: int  # a block, static

    @property
    def spill_bytes(self) -> int:
        return self.spill_store_bytes + self.spill_load_bytes


def parse(log: str) -> dict[str, Resources]:
    """The kernels that a log tells everything about; functions that are no kernels are left out."""
    architectures: dict[str, str] = {}
    stacks: dict[str, tuple[int, int, int]] = {}
    found: dict[str, Resources] = {}
    function = ""
    for line in log.splitlines():
        if entry := _ENTRY.search(line):
            architectures[entry[1]] = entry[2]
        elif properties := _PROPERTIES.search(line):
            function = properties[1]
        elif stack := _STACK.search(line):
            stacks[function] = int(stack[1]), int(stack[2]), int(stack[3])
        elif (used := _USED.search(line)) and function in architectures and function in stacks:
            shared = _SHARED.search(line)
            static = int(shared[1]) if shared else 0
            found[function] = Resources(architectures[function], int(used[1]), *stacks[function], static)
    return found
