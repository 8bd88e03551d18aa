"""What a developer reads when a kernel did something illegal: which kernel, thread and line, which address, and
the allocation that it missed."""

from __future__ import annotations

from typing import Any

from harness.vgpu.layout import ffi
from harness.vgpu.ptx.program import Function, Module, SourceLine
from harness.vgpu.run.allocations import table

BOUNDS, MISALIGNED, BARRIER, TRAP, ASSERTION, STACK, MEMBER = 1, 2, 3, 4, 5, 6, 7
# CUresult: ILLEGAL_ADDRESS, MISALIGNED_ADDRESS, LAUNCH_TIMEOUT, ILLEGAL_INSTRUCTION (what trap gives, and a wrong mask
# here), ASSERT, HARDWARE_STACK_ERROR
CODES = {BOUNDS: 700, MISALIGNED: 716, BARRIER: 702, TRAP: 715, ASSERTION: 710, STACK: 714, MEMBER: 715}
SPACE_NAMES = ("generic", "global", "shared", "local", "constant", "parameter")


def describe(launch: Any, kernel: Any, program: Module, function: Function) -> tuple[str, int]:
    """The report's text, and the CUresult that the program sees."""
    fault = launch.fault
    source = _source_line(function, fault.line)
    place = f"{source.file}:{source.line}" if source else f"{program.name}, PTX line {fault.line}"
    thread = f"block ({', '.join(map(str, fault.ctaid))}), thread ({', '.join(map(str, fault.tid))})"
    what = _what(launch, fault)
    ending = f" at {place}" if fault.line else ""
    return f"kernel {kernel.name}: {what}{ending}, {thread}", CODES[fault.kind]


def _what(launch: Any, fault: Any) -> str:
    if fault.kind == BARRIER:
        return "a barrier that not all threads of the block reach"
    if fault.kind == TRAP:
        return "the kernel trapped"
    if fault.kind == MEMBER:
        return "a lane takes part in an exchange of its warp whose member mask does not name it"
    if fault.kind == ASSERTION:
        return f"assertion failed: {ffi.string(fault.message).decode(errors='replace')}"
    if fault.kind == STACK:
        return f"stack overflow: recursion needs more than the thread's {launch.local_bytes} bytes of local memory"
    space = SPACE_NAMES[fault.space]
    access = f"{'write' if fault.write else 'read'} of {fault.bytes} bytes"
    if fault.kind == MISALIGNED:
        return f"misaligned {space} {access}: {fault.address:#x} is no multiple of {fault.bytes}"
    if space == "shared":
        return f"shared {access} at offset {fault.address}, outside the block's {launch.shared_bytes} bytes"
    return f"{space} {access} at {fault.address:#x}, {_nearest(fault.address)}"


def _nearest(address: int) -> str:
    near = table.nearest(address)
    if near is None:
        return "where nothing is allocated"
    if address >= near.end:
        return f"{address - near.end} bytes behind the end of {near.label} ({near.size} bytes)"
    if address < near.address:
        return f"{near.address - address} bytes before {near.label} ({near.size} bytes)"
    return f"over the end of {near.label} ({near.size} bytes)"


def _source_line(function: Function, line: int) -> SourceLine | None:
    for block in function.blocks:
        for instruction in block.instructions:
            if instruction.line == line:
                return instruction.source and instruction.source.outermost
    return None
