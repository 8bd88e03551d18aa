"""The global and constant variables of a loaded module, placed in memory and initialised."""

from __future__ import annotations

import weakref
from typing import Any

from harness.vgpu.errors import VgpuError
from harness.vgpu.jit.frame import function_address
from harness.vgpu.layout import ffi
from harness.vgpu.ptx.program import Float, Integer, Module, Symbol, Variable, type_size
from harness.vgpu.run.allocations import table


class Variables:
    """`places[name]` is (address, bytes). The memory lives as long as this object, or until `release`."""

    def __init__(self, outline: Module) -> None:
        self.places: dict[str, tuple[int, int]] = {}
        self._outline = outline
        self._memory: list[Any] = []
        self._placed: list[int] = []
        self._release = weakref.finalize(self, _forget, self._placed, self._memory)
        for variable in outline.variables.values():
            if variable.space in ("global", "const"):
                self._place(variable)
        for variable in outline.variables.values():
            if variable.initializer:
                self._initialise(variable)

    def release(self) -> None:
        """Give the memory back."""
        self._release()
        self.places.clear()

    def _place(self, variable: Variable) -> None:
        if variable.size == 0:
            raise VgpuError(f"{self._outline.name}: the extern variable {variable.name} has no size")
        memory = ffi.new("uint8_t[]", variable.size + 256)
        address = -(-int(ffi.cast("uintptr_t", memory)) // 256) * 256
        self._memory.append(memory)
        self.places[variable.name] = (address, variable.size)
        table.add(address, variable.size, f"variable {variable.name} of {self._outline.name}")
        self._placed.append(address)

    def _initialise(self, variable: Variable) -> None:
        address, _ = self.places[variable.name]
        size = type_size(variable.type)
        for index, value in enumerate(variable.initializer or ()):
            match value:
                case Integer(number):
                    bits = number
                case Float(bits, _):
                    pass
                case Symbol(name, offset) if name in self.places:
                    bits = self.places[name][0] + offset
                case Symbol(name, _) if name in self._outline.functions:
                    bits = function_address(self._outline, name)
                case _:
                    raise VgpuError(f"{self._outline.name}: {variable.name} cannot be initialised with {value}")
            pattern = (bits & (1 << 8 * size) - 1).to_bytes(size, "little")
            ffi.memmove(ffi.cast("uint8_t *", address + index * size), pattern, size)


def _forget(addresses: list[int], memory: list[Any]) -> None:
    for address in addresses:
        table.remove(address)
    memory.clear()
