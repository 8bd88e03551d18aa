"""A second PTX interpreter: one thread at a time, slow, and as plain as the PTX ISA's pseudocode.

In: a parsed module, a kernel's name, a launch. Out: global memory as the kernel leaves it. A thread is a Python
generator that yields where it waits for others: at `bar.sync`, and at the instructions of a warp, which it leaves
when all threads of the member mask that have not exited have come. Nothing here is shared with the JIT.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from harness.vgpu.ptx.program import (
    Address,
    Block,
    Float,
    Function,
    Guard,
    Instruction,
    Integer,
    Module,
    Negated,
    Operand,
    Pair,
    Register,
    Sink,
    Special,
    Symbol,
    Variable,
    Vector,
    type_size,
)
from tests.vgpu.differential.semantics import meaning, signed, width
from tests.vgpu.differential.warp import WARP_INSTRUCTIONS, exchange

SHARED_WINDOW, LOCAL_WINDOW = 0x7100_0000_0000, 0x7200_0000_0000
WINDOW_BYTES = 1 << 32
ATOMIC: dict[str, Callable[[int, int], int]] = {
    "add": lambda old, a: old + a,
    "min": min,
    "max": max,
    "and": lambda old, a: old & a,
    "or": lambda old, a: old | a,
    "xor": lambda old, a: old ^ a,
    "exch": lambda old, a: a,
}


class Illegal(Exception):
    """The program did what PTX forbids or leaves open: a generator must not write such programs."""


@dataclass(slots=True)
class Memory:
    """Buffers at made-up addresses."""

    buffers: dict[int, bytearray] = field(default_factory=dict)

    def place(self, content: bytes) -> int:
        """Copy a buffer to a new address."""
        address = 0x10_0000 + (len(self.buffers) << 24)
        self.buffers[address] = bytearray(content)
        return address

    def find(self, address: int, size: int) -> tuple[bytearray, int]:
        base = address >> 24 << 24 | 0x10_0000
        buffer = self.buffers.get(base)
        if buffer is None or not 0 <= address - base <= len(buffer) - size:
            raise Illegal(f"{size} bytes at {address:#x}")
        return buffer, address - base


@dataclass(slots=True, eq=False)
class Thread:
    """One thread: its registers as bits, its place in the block, its local memory."""

    block: RunningBlock
    index: int
    registers: dict[str, int]
    local: bytearray

    @property
    def lane(self) -> int:
        return self.index % 32


@dataclass(slots=True, eq=False)
class RunningBlock:
    """What the threads of a block share."""

    launch: Launch
    ctaid: tuple[int, int, int]
    shared: bytearray


@dataclass(frozen=True, slots=True)
class Launch:
    """Grid, block and the parameters' bytes."""

    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    parameters: bytes
    memory: Memory
    symbols: dict[str, int]


# --- running ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a thread stands still: for threads of its warp (a mask of lanes) or for its block (a barrier's number)."""

    kind: str  # "warp", "block" or "active"
    mask: int
    instruction: Instruction
    order: int
    payload: tuple[Any, ...] = ()


Running = Generator[Wait, Any, None]


def run(module: Module, kernel: str, launch: Launch) -> None:
    """Every block, every thread, to the end. Raises Illegal."""
    code = Code(module, module.functions[kernel])
    for z in range(launch.grid[2]):
        for y in range(launch.grid[1]):
            for x in range(launch.grid[0]):
                _run_block(code, RunningBlock(launch, (x, y, z), bytearray(code.shared_bytes)))


def _run_block(code: Code, block: RunningBlock) -> None:
    x, y, z = block.launch.block
    threads = [Thread(block, i, {}, bytearray(code.local_bytes)) for i in range(x * y * z)]
    running: dict[int, Running] = {t.index: code.run(t) for t in threads}
    waiting: dict[int, Wait] = {}
    resumed: dict[int, Any] = dict.fromkeys(running)
    while resumed:
        for index, value in resumed.items():
            try:
                waiting[index] = running[index].send(value)
            except StopIteration:
                del running[index]
        resumed = _released(running, waiting)
        for index in resumed:
            del waiting[index]
    if running:
        where = {w.instruction.line for w in waiting.values()}
        raise Illegal(f"threads {sorted(running)} wait for ever, PTX lines {sorted(where)}")


def _released(running: dict[int, Running], waiting: dict[int, Wait]) -> dict[int, Any]:
    """Threads that need wait no longer, each with what it gets; all running threads wait."""
    result: dict[int, Any] = {}
    for index, wait in waiting.items():
        if wait.kind != "warp" or index in result:
            continue
        first = index - index % 32
        if not wait.mask >> index % 32 & 1:
            raise Illegal(f"PTX line {wait.instruction.line}: lane {index % 32} is not in its own mask {wait.mask:#x}")
        members = [i for i in range(first, first + 32) if wait.mask >> i - first & 1 and i in running]
        together = [waiting[i] for i in members if i in waiting]
        if len(together) == len(members) and all(_meets(wait, w) for w in together):
            values = exchange(wait.instruction, {i % 32: waiting[i].payload for i in members})
            result.update({i: values[i % 32] for i in members})
    barriers = {w.payload for w in waiting.values() if w.kind == "block"}
    if not result and len(barriers) == 1 and all(w.kind == "block" for w in waiting.values()):
        return dict.fromkeys(waiting)
    return result or _active(waiting)


def _meets(a: Wait, b: Wait) -> bool:
    return b.kind == "warp" and a.mask == b.mask and a.instruction.form == b.instruction.form


def _active(waiting: dict[int, Wait]) -> dict[int, Any]:
    """activemask: when no thread can go on otherwise, those of a warp at the first such instruction, together."""
    asking = {i: w for i, w in waiting.items() if w.kind == "active"}
    if not asking:
        return {}
    warp, order = min((i // 32, w.order) for i, w in asking.items())
    group = [i for i, w in asking.items() if (i // 32, w.order) == (warp, order)]
    mask = sum(1 << i % 32 for i in group)
    return dict.fromkeys(group, mask)


# --- code -------------------------------------------------------------------------------------

Step = Callable[[Thread], None]
Read = Callable[[Thread], int]


class Code:
    """A kernel, decoded once: per basic block its steps, then how it ends."""

    def __init__(self, module: Module, function: Function) -> None:
        self.function = function
        self.parameters, _ = _layout(function.parameters)
        variables = [*module.variables.values(), *function.variables]
        self.shared, self.shared_bytes = _layout([v for v in variables if v.space == "shared"])
        self.local, self.local_bytes = _layout([v for v in variables if v.space == "local"])
        self.steps = [self._decode_block(block) for block in function.blocks]

    def run(self, thread: Thread) -> Running:
        """One thread, from the entry to its exit."""
        at: int | None = 0
        while at is not None:
            at = yield from self._run_block(at, thread)

    def _run_block(self, at: int, thread: Thread) -> Generator[Wait, Any, int | None]:
        """One basic block; returns the next, or None at the thread's end."""
        successors = self.function.blocks[at].successors
        for step, guard, i in self.steps[at]:
            if step is not None:
                step(thread)
            elif guard is not None and not guard(thread):
                continue
            elif i.opcode in ("ret", "exit"):
                return None
            elif i.opcode == "bra":
                return successors[0]
            elif i.opcode == "brx":
                return successors[self.reader(i.operands[0], 32)(thread)]
            elif i.opcode == "activemask":
                self._write(i.operands[0], 32)(thread, (yield Wait("active", 0, i, at)))
            else:
                yield from self._meet(i, thread, at)
        return successors[-1]

    def _decode_block(self, block: Block) -> list[tuple[Step | None, Read | None, Instruction]]:
        """Per instruction: its step, or None where it is control or a wait; its guard; itself."""
        return [(self._decode(i), self._guard(i.guard) if i.guard else None, i) for i in block.instructions]

    def _decode(self, i: Instruction) -> Step | None:
        """A step that changes only the thread and memory; None for control and for what waits for others."""
        if i.opcode in ("bra", "brx", "ret", "exit", "bar", "barrier", "activemask") or i.opcode in WARP_INSTRUCTIONS:
            return None
        step = self._plain(i)
        if i.guard is None:
            return step
        return partial(_step_if, self._guard(i.guard), step)

    def _plain(self, i: Instruction) -> Step:
        if i.opcode in ("ld", "st", "atom", "red"):
            return {"ld": self._load, "st": self._store, "atom": self._atomic, "red": self._atomic}[i.opcode](i)
        if i.opcode == "mov" and any(isinstance(o, (Vector, Symbol)) for o in i.operands):
            return self._move(i)
        if i.opcode == "cvta":
            return self._cvta(i)
        if i.opcode in ("membar", "fence", "nanosleep"):
            return lambda thread: None
        return self._compute(i)

    # --- operands ---

    def reader(self, operand: Operand, bits: int) -> Read:
        mask = (1 << bits) - 1
        match operand:
            case Register(name):
                return lambda t: t.registers[name] & mask
            case Negated(register):
                return lambda t: t.registers[register.name] ^ 1
            case Integer(value):
                return lambda t: value & mask
            case Float(literal, literal_bits):
                if literal_bits != bits:
                    raise Illegal(f"a literal of {literal_bits} bits for {bits}")
                return lambda t: literal
            case Special(name):
                return lambda t: special(t, name) & mask
            case Symbol():
                return partial(self._symbol, operand)
        raise Illegal(f"source {operand}")

    def _symbol(self, symbol: Symbol, thread: Thread) -> int:
        for table in (self.parameters, self.shared, self.local, thread.block.launch.symbols):
            if symbol.name in table:
                return table[symbol.name] + symbol.offset
        raise Illegal(f"symbol {symbol.name}")

    def _write(self, operand: Operand, bits: int, extends: str = "u") -> Callable[[Thread, int], None]:
        """Sets a register; a wider one is filled up with zeros or the sign."""
        if isinstance(operand, Sink):
            return lambda t, value: None
        if not isinstance(operand, Register):
            raise Illegal(f"destination {operand}")
        name, own = operand.name, width(operand.type)
        if own < bits:
            raise Illegal(f"{bits} bits for {operand}")

        def write(thread: Thread, value: int) -> None:
            thread.registers[name] = signed(value, bits) & (1 << own) - 1 if extends == "s" else value

        return write

    def _guard(self, guard: Guard) -> Read:
        name, flip = guard.register.name, int(guard.negated)
        return lambda t: t.registers[name] ^ flip

    # --- register instructions ---

    def _compute(self, i: Instruction) -> Step:
        known = meaning(i.opcode, i.modifiers)
        if known is None:
            raise Illegal(f"no meaning for {i.form}")
        if i.opcode == "setp":
            return self._setp(i, known)
        destination, *sources = i.operands
        if len(sources) != len(known.sources):
            raise Illegal(f"{i.form} with {len(sources)} sources")
        reads = [self.reader(o, bits) for o, bits in zip(sources, known.sources, strict=True)]
        write, compute = self._write(destination, known.result, known.extends), known.compute
        return lambda t: write(t, compute(*[read(t) for read in reads]))

    def _setp(self, i: Instruction, known: Any) -> Step:
        """setp.CMP.BOOL p|q, a, b, c: p = cmp BOOL c, q = !cmp BOOL c."""
        destination, a, b, *third = i.operands
        reads = [self.reader(o, known.sources[0]) for o in (a, b)]
        first = self._write(destination.first if isinstance(destination, Pair) else destination, 1)
        second = self._write(destination.second, 1) if isinstance(destination, Pair) else None
        combine = {"and": lambda x, y: x & y, "or": lambda x, y: x | y, "xor": lambda x, y: x ^ y}
        boolean = combine[i.modifiers[1]] if third else None
        other = self.reader(third[0], 1) if third else None

        def step(t: Thread) -> None:
            yes = known.compute(reads[0](t), reads[1](t))
            no = 1 - yes
            if boolean and other:
                c = other(t)
                yes, no = boolean(yes, c), boolean(no, c)
            first(t, yes)
            if second:
                second(t, no)

        return step

    def _move(self, i: Instruction) -> Step:
        destination, source = i.operands
        bits = width(i.modifiers[-1])
        if isinstance(destination, Vector):
            part = bits // len(destination.elements)
            writes = [self._write(e, part) for e in destination.elements]
            whole = self.reader(source, bits)

            def unpack(t: Thread) -> None:
                value = whole(t)
                for position, write in enumerate(writes):
                    write(t, value >> part * position & (1 << part) - 1)

            return unpack
        write = self._write(destination, bits)
        if isinstance(source, Vector):
            part = bits // len(source.elements)
            reads = [self.reader(e, part) for e in source.elements]
            return lambda t: write(t, sum(read(t) << part * n for n, read in enumerate(reads)))
        read = self.reader(source, bits)
        return lambda t: write(t, read(t))

    def _cvta(self, i: Instruction) -> Step:
        destination, source = i.operands
        space = next(m for m in i.modifiers if m in ("global", "shared", "local", "const"))
        window = {"shared": SHARED_WINDOW, "local": LOCAL_WINDOW}.get(space, 0)
        window = -window if "to" in i.modifiers else window
        write, read = self._write(destination, 64), self.reader(source, 64)
        return lambda t: write(t, read(t) + window)

    # --- memory ---

    def _place(self, i: Instruction, operand: Operand, size: int) -> Callable[[Thread], tuple[bytearray, int]]:
        """Where an address lies: a buffer and an index into it."""
        if not isinstance(operand, Address):
            raise Illegal(f"address {operand}")
        space = next((m for m in i.modifiers if m in ("global", "shared", "local", "const", "param")), "generic")
        offset = operand.offset
        base = self.reader(operand.base, 64) if operand.base is not None else (lambda t: 0)

        def place(t: Thread) -> tuple[bytearray, int]:
            address = base(t) + offset
            if address % size:
                raise Illegal(f"PTX line {i.line}: {address:#x} is no multiple of {size}")
            where = space
            if space == "generic" and 0 <= address - SHARED_WINDOW < WINDOW_BYTES:
                where, address = "shared", address - SHARED_WINDOW
            elif space == "generic" and 0 <= address - LOCAL_WINDOW < WINDOW_BYTES:
                where, address = "local", address - LOCAL_WINDOW
            if where in ("shared", "local", "param"):
                buffer = {"shared": t.block.shared, "local": t.local, "param": t.block.launch.parameters}[where]
                if not 0 <= address <= len(buffer) - size:
                    raise Illegal(f"PTX line {i.line}: {where} offset {address:#x}")
                return buffer, address  # type: ignore[return-value]
            return t.block.launch.memory.find(address, size)

        return place

    def _shape(self, i: Instruction) -> tuple[int, int, str]:
        """Bytes of an element, number of elements, sign."""
        count = next((int(m[1]) for m in i.modifiers if m in ("v2", "v4")), 1)
        type_ = i.modifiers[-1]
        return type_size(type_), count, "s" if type_[0] == "s" else "u"

    def _load(self, i: Instruction) -> Step:
        size, count, sign = self._shape(i)
        destination, source = i.operands
        targets = destination.elements if isinstance(destination, Vector) else (destination,)
        writes = [self._write(target, 8 * size, sign) for target in targets]
        place = self._place(i, source, size * count)

        def step(t: Thread) -> None:
            buffer, at = place(t)
            for n, write in enumerate(writes):
                write(t, int.from_bytes(buffer[at + n * size : at + (n + 1) * size], "little"))

        return step

    def _store(self, i: Instruction) -> Step:
        size, count, _ = self._shape(i)
        target, source = i.operands
        sources = source.elements if isinstance(source, Vector) else (source,)
        reads = [self.reader(o, 8 * size) for o in sources]
        place = self._place(i, target, size * count)

        def step(t: Thread) -> None:
            buffer, at = place(t)
            buffer[at : at + size * count] = b"".join(read(t).to_bytes(size, "little") for read in reads)

        return step

    def _atomic(self, i: Instruction) -> Step:
        """Integers only; threads take turns, so a read-modify-write is whole."""
        size, _, sign = self._shape(i)
        bits = 8 * size
        operands = list(i.operands)
        write = self._write(operands.pop(0), bits) if i.opcode == "atom" else None
        place, read = self._place(i, operands[0], size), self.reader(operands[1], bits)
        combine = ATOMIC[next(m for m in i.modifiers if m in ATOMIC)]

        def step(t: Thread) -> None:
            buffer, at = place(t)
            old, a = int.from_bytes(buffer[at : at + size], "little"), read(t)
            new = combine(*((signed(v, bits) if sign == "s" else v) for v in (old, a)))
            buffer[at : at + size] = (new & (1 << bits) - 1).to_bytes(size, "little")
            if write:
                write(t, old)

        return step

    # --- waiting for others ---

    def _meet(self, i: Instruction, thread: Thread, order: int) -> Running:
        if i.opcode in ("bar", "barrier") and "warp" not in i.modifiers:
            yield Wait("block", 0, i, order, tuple(self.reader(o, 32)(thread) for o in i.operands))
            return
        results, sources, mask = WARP_INSTRUCTIONS[i.opcode](i)
        payload = tuple(self.reader(o, bits)(thread) for o, bits in sources)
        values = yield Wait("warp", self.reader(mask, 32)(thread), i, order, payload)
        for (operand, bits), value in zip(results, values, strict=True):
            self._write(operand, bits)(thread, value)


def _step_if(condition: Read, step: Step, thread: Thread) -> None:
    if condition(thread):
        step(thread)


def _layout(variables: Sequence[Variable]) -> tuple[dict[str, int], int]:
    places, end = {}, 0
    for variable in variables:
        alignment = variable.alignment or type_size(variable.type)
        places[variable.name] = end = -(-end // alignment) * alignment
        end += variable.size
    return places, end


def special(thread: Thread, name: str) -> int:
    """A special register."""
    x, y, _ = thread.block.launch.block
    lane, index = thread.lane, thread.index
    if name[-2] == ".":
        register, axis = name[:-2], "xyz".index(name[-1])
        return {
            "%tid": (index % x, index // x % y, index // (x * y)),
            "%ntid": thread.block.launch.block,
            "%ctaid": thread.block.ctaid,
            "%nctaid": thread.block.launch.grid,
        }[register][axis]
    return {
        "%laneid": lane,
        "%warpid": index // 32,
        "%lanemask_eq": 1 << lane,
        "%lanemask_lt": (1 << lane) - 1,
        "%lanemask_le": (2 << lane) - 1,
        "%lanemask_gt": 0xFFFFFFFF & ~((2 << lane) - 1),
        "%lanemask_ge": 0xFFFFFFFF & ~((1 << lane) - 1),
    }[name]
