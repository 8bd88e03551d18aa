"""The program that a PTX module describes, as plain data between the parser and the JIT.

Names follow the PTX ISA. Everything is frozen; registers are unique by name within a function (a register
declared in an inner `{ }` scope is renamed when it would hide another).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Space: TypeAlias = Literal["reg", "const", "global", "local", "param", "shared"]


# --- operands ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Register:
    """A virtual register; `type` as declared: pred, b16, b32, b64, u32, s64, f32, f64, f16, ..."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer literal (decimal, hex, octal, binary, WARP_SZ, folded constant expression), unbounded."""

    value: int


@dataclass(frozen=True, slots=True)
class Float:
    """A floating-point literal as its bits: 0f… has width 32, 0d… and decimal literals width 64."""

    bits: int
    width: Literal[32, 64]


@dataclass(frozen=True, slots=True)
class Special:
    """A special register, by its name with component: %tid.x, %laneid, %clock64."""

    name: str


@dataclass(frozen=True, slots=True)
class Symbol:
    """A variable, function or label used as an operand, plus a byte offset (`table+8`)."""

    name: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Address:
    """`[base + offset]`; a base of None is an absolute address."""

    base: Register | Symbol | None
    offset: int


@dataclass(frozen=True, slots=True)
class Vector:
    """`{a, b, …}` as one operand."""

    elements: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """`d|p`: two destinations of one instruction (setp, shfl)."""

    first: Operand
    second: Operand


@dataclass(frozen=True, slots=True)
class Negated:
    """`!p` as a source operand."""

    register: Register


@dataclass(frozen=True, slots=True)
class Group:
    """`(a, b, …)`: the return or argument list of a call."""

    elements: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Sink:
    """`_`: a result that is thrown away."""


@dataclass(frozen=True, slots=True)
class Part:
    """`%r1.b0`, `%r1.h1`: a byte or a half of a register, as video instructions take it."""

    register: Register
    which: str


@dataclass(frozen=True, slots=True)
class Indexed:
    """`[map, {x, y}]`: an address with more parts, as texture, surface and tensor instructions take it."""

    address: Address
    parts: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Masked:
    """`0xFF00(table)`: the bits of an address under a mask, shifted down to bit 0; only in initializers."""

    symbol: Symbol
    mask: int


Operand: TypeAlias = (
    Register
    | Integer
    | Float
    | Special
    | Symbol
    | Address
    | Vector
    | Pair
    | Negated
    | Group
    | Sink
    | Part
    | Indexed
    | Masked
)


# --- instructions and blocks ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Guard:
    """`@p` or `@!p` before an instruction."""

    register: Register
    negated: bool


@dataclass(frozen=True, slots=True)
class SourceLine:
    """Where in the CUDA source an instruction comes from (`.loc`): its own line, and the line that inlined it."""

    file: str
    line: int
    inlined_at: SourceLine | None = None

    @property
    def outermost(self) -> SourceLine:
        """The line of the kernel itself, whatever was inlined there."""
        return self.inlined_at.outermost if self.inlined_at else self


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: `ld.global.v4.f32` has opcode `ld` and modifiers `("global", "v4", "f32")`.

    Modifiers that hold `::` stay whole (`shared::cta`). `line` is the line in the PTX text.
    """

    opcode: str
    modifiers: tuple[str, ...]
    operands: tuple[Operand, ...]
    guard: Guard | None
    line: int
    source: SourceLine | None

    @property
    def form(self) -> str:
        """Opcode with all modifiers, as written."""
        return ".".join((self.opcode, *self.modifiers))


@dataclass(frozen=True, slots=True)
class Block:
    """A basic block: only its last instruction can transfer control.

    `successors` are block indices. The last instruction decides what they mean:
    a guarded `bra`: (taken, fallen through); `bra`: (taken,); `brx.idx`: its targets in table order;
    a guarded `ret`/`exit`/`trap`: (fallen through,); unguarded ones: (); anything else: (next,).
    """

    index: int
    labels: tuple[str, ...]
    instructions: tuple[Instruction, ...]
    successors: tuple[int, ...]


# --- declarations -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable in a memory space. `shape` is () for a scalar; `[n][m]` is (n, m); `[]` is (0,).

    `initializer` holds numbers and symbols (addresses) flattened in row-major order, or None.
    """

    name: str
    space: Space
    type: str
    alignment: int
    shape: tuple[int, ...] = ()
    vector: int = 1
    initializer: tuple[Operand, ...] | None = None
    extern: bool = False

    @property
    def size(self) -> int:
        """Bytes; 0 for an unsized array."""
        count = self.vector
        for extent in self.shape:
            count *= extent
        return count * type_size(self.type)


@dataclass(frozen=True, slots=True)
class Function:
    """A `.entry` (kernel) or `.func`, with its control-flow graph; block 0 is where it starts."""

    name: str
    is_kernel: bool
    parameters: tuple[Variable, ...]
    returns: tuple[Variable, ...]
    registers: tuple[Register, ...]
    variables: tuple[Variable, ...]  # local, shared and param variables declared in the body, unique by name
    blocks: tuple[Block, ...]
    directives: dict[str, tuple[int, ...]] = field(default_factory=dict)  # maxntid, reqntid, minnctapersm, ...
    line: int = 0
    call_prototypes: dict[str, Function] = field(default_factory=dict)  # `.callprototype`s by label, without bodies


@dataclass(frozen=True, slots=True)
class Module:
    """One PTX module. Functions without a body (prototypes, externals such as vprintf) are in `prototypes`."""

    name: str
    version: tuple[int, int]
    target: str
    functions: dict[str, Function]
    prototypes: dict[str, Function]
    variables: dict[str, Variable]
    text: str


SIZES = {
    **{f"{kind}{bits}": bits // 8 for kind in "bsuf" for bits in (8, 16, 32, 64, 128)},
    "f16x2": 4, "bf16": 2, "bf16x2": 4, "tf32": 4, "e4m3x2": 2, "e5m2x2": 2,
}  # fmt: skip


def type_size(type_: str) -> int:
    """Bytes of one element of a PTX type."""
    return SIZES[type_]
