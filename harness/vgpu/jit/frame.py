"""Where the variables of a kernel lie: parameters, shared and local memory, and the module's symbols.

Also collects the memory sites that lowering finds, so that the launch can give each its range.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.vgpu.ptx.program import Function, Module, Variable, type_size

SPACES = {"generic": 0, "global": 1, "shared": 2, "local": 3, "const": 4, "param": 5}


@dataclass(frozen=True, slots=True)
class Site:
    """One memory instruction: its space and its line in the PTX text."""

    space: str
    line: int


@dataclass(frozen=True, slots=True)
class Target:
    """The CPU that code is made for; `features` as LLVM writes them."""

    cpu: str
    features: str

    @property
    def native_half(self) -> bool:
        """FP16 arithmetic in hardware: its fma rounds once."""
        return "+avx512fp16" in self.features or "+fullfp16" in self.features

    @property
    def wide_gather(self) -> bool:
        """Gather and scatter with a mask, cheaper than a call."""
        return "+avx512f" in self.features


@dataclass(slots=True)
class Frame:
    """Offsets in bytes, by variable name."""

    function: Function
    module: Module
    target: Target
    parameters: dict[str, int] = field(default_factory=dict)
    parameter_sizes: dict[str, int] = field(default_factory=dict)
    parameter_bytes: int = 0
    shared: dict[str, int] = field(default_factory=dict)
    shared_bytes: int = 0
    local: dict[str, int] = field(default_factory=dict)
    local_bytes: int = 0
    symbols: dict[str, int] = field(default_factory=dict)  # module variable -> index
    sites: list[Site] = field(default_factory=list)

    def __post_init__(self) -> None:
        for parameter in self.function.parameters:
            self.parameters[parameter.name] = self._place(parameter, "parameter_bytes")
            self.parameter_sizes[parameter.name] = parameter.size
        unsized: list[Variable] = []
        for variable in (*self.module.variables.values(), *self.function.variables):
            if variable.space == "shared" and variable.size == 0:
                unsized.append(variable)
            elif variable.space == "shared":
                self.shared[variable.name] = self._place(variable, "shared_bytes")
            elif variable.space == "local":
                self.local[variable.name] = self._place(variable, "local_bytes")
        for variable in unsized:  # all name the dynamic shared memory, which follows the static
            alignment = variable.alignment or type_size(variable.type)
            self.shared_bytes = _round_up(self.shared_bytes, alignment)
        for variable in unsized:
            self.shared[variable.name] = self.shared_bytes
        self.local_bytes = _round_up(self.local_bytes, 16)

    def _place(self, variable: Variable, total: str) -> int:
        offset = _round_up(getattr(self, total), variable.alignment or type_size(variable.type))
        setattr(self, total, offset + variable.size)
        return offset

    def site(self, space: str, line: int) -> int:
        self.sites.append(Site(space, line))
        return len(self.sites) - 1

    def symbol(self, name: str) -> int:
        return self.symbols.setdefault(name, len(self.symbols))


def _round_up(value: int, alignment: int) -> int:
    return -(-value // alignment) * alignment
