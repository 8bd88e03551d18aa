"""Where the variables of a kernel lie: parameters, shared and local memory, and the module's symbols.

Also collects the memory sites that lowering finds, so that the launch can give each its range.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from harness.vgpu.jit.linking import HEADER_BYTES
from harness.vgpu.jit.target import Target
from harness.vgpu.ptx.program import Function, Instruction, Module, SourceLine, Variable, type_size

RESERVED_SHARED_BYTES = (
    1024  # what the system takes of each block's shared memory from sm_80 on (CUDA programming guide)
)
Access: TypeAlias = Literal["load", "store", "atomic", "reduction", "internal"]  # internal: of calls, not counted
# caches that a load is served from: those with one of these go to L2 (PTX ISA: Cache Operators; Memory Consistency
# Model: strong operations)
AROUND_L1 = frozenset("cg cv volatile relaxed acquire mmio".split())
SPACES = {"generic": 0, "global": 1, "shared": 2, "local": 3, "const": 4, "param": 5}


@dataclass(frozen=True, slots=True)
class Site:
    """One memory instruction, or one side of a copy: its space, its line in the PTX text and in the source."""

    space: str
    line: int
    access: Access
    around_l1: bool
    source: SourceLine | None


@dataclass(slots=True)
class Frame:
    """Offsets in bytes, by variable name.

    Local offsets count from the start of a function's activation: the kernel's is at 0, that of a device function
    wherever its caller's ends. `activation[f]` is the size of one activation of f.
    """

    function: Function
    module: Module
    target: Target
    functions: list[Function] = field(default_factory=list)
    parameters: dict[str, int] = field(default_factory=dict)
    parameter_sizes: dict[str, int] = field(default_factory=dict)
    parameter_bytes: int = 0
    shared: dict[str, int] = field(default_factory=dict)
    shared_bytes: int = 0  # with the reserved ones, which lie first
    reserved_bytes: int = 0  # only where the module asks for their place
    local: dict[str, int] = field(default_factory=dict)
    local_owner: dict[str, str] = field(default_factory=dict)
    activation: dict[str, int] = field(default_factory=dict)
    symbols: dict[str, int] = field(default_factory=dict)  # module variable -> index
    sites: list[Site] = field(default_factory=list)

    def __post_init__(self) -> None:
        for parameter in self.function.parameters:
            self.parameters[parameter.name] = self._place(parameter, "parameter_bytes")
            self.parameter_sizes[parameter.name] = parameter.size
        functions = (self.function, *self.functions)
        if "%reserved_smem_offset" in self.module.text:
            self.shared_bytes = self.reserved_bytes = RESERVED_SHARED_BYTES
        self._place_shared([*self.module.variables.values(), *(v for f in functions for v in f.variables)])
        for function in functions:
            self._place_local(function)

    def _place_shared(self, variables: list[Variable]) -> None:
        shared = [v for v in variables if v.space == "shared"]
        unsized = [v for v in shared if v.size == 0]
        for variable in shared:
            if variable.size:
                self.shared[variable.name] = self._place(variable, "shared_bytes")
        for variable in unsized:  # all name the dynamic shared memory, which follows the static
            self.shared_bytes = round_up(self.shared_bytes, variable.alignment or type_size(variable.type))
        for variable in unsized:
            self.shared[variable.name] = self.shared_bytes

    def _place_local(self, function: Function) -> None:
        total, declared = 0, [v for v in function.variables if v.space == "local"]
        if not function.is_kernel:
            offsets, total = agreed_offsets(function)
            for variable, offset in zip((*function.returns, *function.parameters), offsets, strict=True):
                self.local[variable.name], self.local_owner[variable.name] = offset, function.name
        for variable in declared:
            total = round_up(total, variable.alignment or type_size(variable.type))
            self.local[variable.name], self.local_owner[variable.name] = total, function.name
            total += variable.size
        self.activation[function.name] = round_up(total, 16)

    def extend_activation(self, function: Function, size: int) -> int:
        """Room at the end of a function's activation; its offset."""
        offset = self.activation[function.name]
        self.activation[function.name] = round_up(offset + size, 16)
        return offset

    def _place(self, variable: Variable, total: str) -> int:
        offset = round_up(getattr(self, total), variable.alignment or type_size(variable.type))
        setattr(self, total, offset + variable.size)
        return offset

    def site(self, instruction: Instruction, space: str, access: Access) -> int:
        if space == "local" and "param" in instruction.modifiers:
            access = "internal"
        around_l1 = access in ("atomic", "reduction") or not AROUND_L1.isdisjoint(instruction.modifiers)
        self.sites.append(Site(space, instruction.line, access, around_l1, instruction.source))
        return len(self.sites) - 1

    def symbol(self, name: str) -> int:
        return self.symbols.setdefault(name, len(self.symbols))


def agreed_offsets(function: Function) -> tuple[list[int], int]:
    """Where return values and then parameters lie in an activation, and where they end."""
    offsets, total = [], HEADER_BYTES
    for variable in (*function.returns, *function.parameters):
        total = round_up(total, variable.alignment or type_size(variable.type))
        offsets.append(total)
        total += variable.size
    return offsets, total


def function_address(module: Module, name: str) -> int:
    """What a program sees as the address of a device function; no allocation lies there."""
    return 0x00F0_0000_0000_0000 + 16 * list(module.functions).index(name)


def round_up(value: int, alignment: int) -> int:
    return -(-value // alignment) * alignment
