"""A case on both engines: global memory as each leaves it.

In: a case. Out: the buffers' bytes by name. The JIT can run it in several ways, which must not show.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from harness.vgpu.jit.target import Target
from harness.vgpu.ptx.parser import parse
from harness.vgpu.run.allocations import table
from harness.vgpu.run.mode import Mode
from harness.vgpu.run.module import LoadedModule, load
from tests.vgpu.differential import interpreter
from tests.vgpu.differential.cases import Case

MODES = {
    "checked": Mode(checked=True, counted=False, workers=1),
    "fast": Mode(checked=False, counted=False, workers=1),
    "counted, two workers": Mode(checked=True, counted=True, workers=2),
    "reverse": Mode(checked=True, counted=False, workers=1, reverse=True),
}
# a CPU of 2013: no AVX-512, no FP16 arithmetic
AVX2 = Target("x86-64-v3", "")

Memory = dict[str, bytes]


def interpreted(case: Case) -> Memory:
    """Raises interpreter.Illegal."""
    memory = interpreter.Memory()
    addresses = {name: memory.place(content) for name, content in case.buffers.items()}
    module = parse(case.ptx, "case")
    symbols = {}
    for variable in module.variables.values():
        if variable.space in ("global", "const"):
            words = b"".join((i.value).to_bytes(4, "little") for i in variable.initializer or ())
            symbols[variable.name] = memory.place(words)
    launch = interpreter.Launch((case.blocks, 1, 1), (case.threads, 1, 1), case.parameters(addresses), memory, symbols)
    interpreter.run(module, "k", launch)
    return {name: bytes(memory.buffers[address]) for name, address in addresses.items()}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A case's kernel, ready to run in any mode."""

    module: LoadedModule

    def run(self, case: Case, mode: Mode) -> Memory:
        """Raises KernelFault."""
        owned = {
            name: ctypes.create_string_buffer(content, len(content) + 64) for name, content in case.buffers.items()
        }
        addresses = {name: ctypes.addressof(buffer) + 63 & ~63 for name, buffer in owned.items()}
        for name, content in case.buffers.items():
            ctypes.memmove(addresses[name], content, len(content))
            table.add(addresses[name], len(content), name)
        try:
            kernel = self.module.kernels["k"]
            kernel.launch((case.blocks, 1, 1), (case.threads, 1, 1), 0, case.parameters(addresses), mode)
        finally:
            for address in addresses.values():
                table.remove(address)
        return {name: ctypes.string_at(addresses[name], len(content)) for name, content in case.buffers.items()}


def compiled(case: Case, target: Target | None = None) -> Compiled:
    """For this machine's CPU, or another. Raises UnsupportedPtx."""
    module = load(case.ptx, "case", target)
    module.kernels["k"].prepare()
    return Compiled(module)
