"""ldmatrix, stmatrix, movmatrix, wmma.load and wmma.store (PTX ISA: Warp Level Matrix Instructions).

ldmatrix: lane i of the first 8 * num lanes holds the address of row i % 8 of matrix i / 8, 16 bytes; register j of
lane l receives the elements 2 * (l % 4) and 2 * (l % 4) + 1 of row l / 4 of matrix j. So the rows, one after another,
are the registers, one after another.
"""

from __future__ import annotations

from functools import cache

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import LANES, llvm_type
from harness.vgpu.jit.frame import Access
from harness.vgpu.jit.rules import fragments
from harness.vgpu.jit.rules.access import (
    Shape,
    active_bits,
    address_of,
    call_helper,
    hand_over,
    host_address,
    warp_field,
)
from harness.vgpu.jit.rules.fragments import ELEMENT_BYTES, Fragment
from harness.vgpu.jit.rules.mma import WMMA_SHAPES, elements
from harness.vgpu.jit.rules.rule import Rule
from harness.vgpu.ptx.program import Instruction, Operand

SECTION = "Warp Level Matrix Instructions"
SPACES = {"global": "global", "shared": "shared", "shared::cta": "shared"}
COUNTS = {"x1": 1, "x2": 2, "x4": 4}
WORD = llvm_type("i32", LANES)
ROW_BYTES = 16
# Two registers' worth of 16-bit elements: lane l's are (row 2 * (l % 4) and the next, column l / 4) of an 8 x 8 matrix
TRANSPOSED = [(2 * (lane % 4) + half) * 8 + lane // 4 for lane in range(LANES) for half in (0, 1)]


def find(instruction: Instruction) -> Rule | None:
    """The rule of an instruction that moves matrices, or None where the vgpu has no such form."""
    modifiers = list(instruction.modifiers)
    if instruction.opcode in ("ldmatrix", "stmatrix"):
        known = {"sync", "aligned", "m8n8", "trans", "b16", *COUNTS, *SPACES}
        if set(modifiers) <= known and {"m8n8", "b16"} <= set(modifiers):
            lower = _ldmatrix if instruction.opcode == "ldmatrix" else _stmatrix
            return Rule(lower, f"{SECTION}: {instruction.opcode}", "shared")
    if instruction.form == "movmatrix.sync.aligned.m8n8.trans.b16":
        return Rule(_movmatrix, f"{SECTION}: movmatrix", "other")
    if instruction.opcode == "wmma" and modifiers[0] in ("load", "store") and _wmma_fragment(instruction) is not None:
        return Rule(_wmma, f"{SECTION}: wmma.{modifiers[0]}", "memory")
    return None


def _space(c: Context) -> str:
    return next((SPACES[m] for m in c.instruction.modifiers if m in SPACES), "generic")


# --- 8 x 8 matrices of 16-bit elements ----------------------------------------------------------------------------


def transpose(c: Context, register: str) -> str:
    """A register of each lane, as the transposed matrix's."""
    halves = c.e.bitcast(WORD, register, llvm_type("i16", 2 * LANES))
    return c.e.bitcast(llvm_type("i16", 2 * LANES), c.e.shuffle("i16", 2 * LANES, halves, None, TRANSPOSED), WORD)


def _rows(c: Context, target: Operand, count: int, access: Access) -> tuple[str, int]:
    """Hand the addresses of the rows over; the active lanes that have one, and the site."""
    shape = Shape(_space(c), "b128", 1)
    address = address_of(c, target, shape.space, LANES)
    site = c.site(shape.space, access)
    hand_over(c, shape, address, LANES, "0")
    return c.e.binary("and", "i32", 1, active_bits(c), str((1 << 8 * count) - 1)), site


def _ldmatrix(c: Context) -> None:
    d, source = c.instruction.operands
    registers = elements(d)
    mask, site = _rows(c, source, len(registers), "load")
    call_helper(c, "load", f"i32 {mask}, i32 {ROW_BYTES}, i32 {site}")
    for number, register in enumerate(registers):
        value = c.e.load(WORD, c.e.field(warp_field(c, "scratch"), 128 * number), 16)
        c.put(register, transpose(c, value) if "trans" in c.instruction.modifiers else value, "i32", lanes=LANES)


def _stmatrix(c: Context) -> None:
    target, source = c.instruction.operands
    registers = elements(source)
    mask, site = _rows(c, target, len(registers), "store")
    for number, register in enumerate(registers):
        value = c.get(register, "i32", lanes=LANES)
        value = transpose(c, value) if "trans" in c.instruction.modifiers else value
        c.e.store(WORD, value, c.e.field(warp_field(c, "scratch"), 128 * number), 16)
    call_helper(c, "store", f"i32 {mask}, i32 {ROW_BYTES}, i32 {site}")


def _movmatrix(c: Context) -> None:
    d, a = c.instruction.operands
    c.put(d, transpose(c, c.get(a, "i32", lanes=LANES)), "i32", lanes=LANES)


# --- wmma fragments -----------------------------------------------------------------------------------------------


@cache
def _wmma_parts(modifiers: tuple[str, ...]) -> tuple[Fragment, str, str] | None:
    """The fragment, its type and the layout in memory."""
    operand, types = modifiers[1], [m for m in modifiers if m in ELEMENT_BYTES]
    layouts = [m for m in modifiers if m in ("row", "col")]
    shapes = [m for m in modifiers if m[0] == "m" and m[1].isdigit()]
    known = {"load", "store", "a", "b", "c", "d", "sync", "aligned", *types, *layouts, *shapes, *SPACES}
    if not set(modifiers) <= known or (len(types), len(layouts), len(shapes)) != (1, 1, 1):
        return None
    shape, type_ = fragments.Shape.of(shapes[0]), types[0]
    if operand in ("a", "b"):
        if shapes[0] not in WMMA_SHAPES.get(type_, ()):
            return None
        make = fragments.multiplicand_a if operand == "a" else fragments.multiplicand_b
        rows, columns = (shape.m, shape.k) if operand == "a" else (shape.k, shape.n)
        return make(rows, columns, type_), type_, layouts[0]
    if type_ not in ("f16", "f32", "s32", "f64") or not any(shapes[0] in known for known in WMMA_SHAPES.values()):
        return None
    return fragments.accumulator(shape.m, shape.n, type_), type_, layouts[0]


def _wmma_fragment(instruction: Instruction) -> tuple[Fragment, str, str] | None:
    return _wmma_parts(instruction.modifiers)


def _places(fragment: Fragment, type_: str, layout: str) -> tuple[list[int], int, int]:
    """The table that matrix.c reads, units a lane, and bytes of a unit: what of a register lies together in memory."""
    size, per = ELEMENT_BYTES[type_], fragment.per_register

    def at(slot: int, lane: int) -> tuple[int, int]:
        _, row, column = fragment.places[slot][lane]
        line, within = (row, column) if layout == "row" else (column, row)
        return line, within * size

    together = all(
        at(slot, lane) == (at(slot - 1, lane)[0], at(slot - 1, lane)[1] + size)
        for slot in range(len(fragment.places)) if slot % per
        for lane in range(LANES)
    )  # fmt: skip
    step = per if together else 1
    units = [at(slot, lane) for slot in range(0, len(fragment.places), step) for lane in range(LANES)]
    extent = [max(line for line, _ in units), max(byte for _, byte in units) + step * size]
    return [*extent, *(number for unit in units for number in unit)], len(units) // LANES, step * size


def _wmma(c: Context) -> None:
    parts = _wmma_fragment(c.instruction)
    assert parts is not None
    fragment, type_, layout = parts
    load = c.instruction.modifiers[0] == "load"
    first, second, *rest = c.instruction.operands
    registers, target = (elements(first), second) if load else (elements(second), first)
    repeats = type_ == "f16" and load and c.instruction.modifiers[1] in ("a", "b")
    if len(registers) != (8 if repeats else fragment.registers):
        c.unsupported(f"a fragment of {len(registers)} registers")
    table, units, bytes_ = _places(fragment, type_, layout)
    scalar, width = ("i64", 8) if type_ == "f64" else ("i32", 4)
    vector = llvm_type(scalar, LANES)
    data = c.e.alloca(c.e.name("fragment"), f"[{fragment.registers * LANES * width} x i8]")
    if not load:
        for number, register in enumerate(registers):
            value = c.get(register, scalar, lanes=LANES)
            c.e.store(vector, value, c.e.field(data, number * LANES * width), 64)
    shape = units | bytes_ << 8 | width << 16 | (not load) << 24
    _call(c, target, _stride(c, rest, fragment, layout, ELEMENT_BYTES[type_]), table, data, shape)
    if load:
        for number, register in enumerate(registers):
            place = number % fragment.registers * LANES * width
            c.put(register, c.e.load(vector, c.e.field(data, place), 64), scalar, lanes=LANES)


def _stride(c: Context, operands: list[Operand], fragment: Fragment, layout: str, size: int) -> str:
    """Bytes between lines, as i64; by default the lines are dense."""
    if not operands:
        across = 2 if layout == "row" else 1
        return str((max(place[across] for places in fragment.places for place in places) + 1) * size)
    elements_ = _first_lane(c, c.get(operands[0], "i32", lanes=LANES), "i32")
    return c.e.binary("mul", "i64", 1, c.e.cast("zext", "i32", 1, elements_, "i64"), str(size))


def _first_lane(c: Context, value: str, scalar: str) -> str:
    """All lanes hold the same value: PTX says so."""
    return c.e.let(f"extractelement {llvm_type(scalar, LANES)} {value}, i64 0")


def _call(c: Context, target: Operand, stride: str, table: list[int], data: str, shape: int) -> None:
    space = _space(c)
    memory = Shape(space, "b32", 1)
    address = _first_lane(c, host_address(c, memory, address_of(c, target, space, LANES), LANES), "i64")
    site = c.site(space, "load" if c.instruction.modifiers[0] == "load" else "store")
    numbers = ", ".join(f"i8 {number}" for number in table)
    content = f"[{len(table)} x i8] [{numbers}]"
    name = f"@vgpu.places.{len(c.e.declarations)}"
    known = [n for n, text in c.e.declarations.items() if n.startswith("@vgpu.places") and text.endswith(content)]
    name = known[0] if known else name
    c.e.declarations[name] = f"{name} = internal constant {content}"
    done = c.e.name("done")
    if c.guard is not None:
        go = c.e.name("go")
        c.e.do(f"br i1 {c.e.let(f'icmp ne i32 {active_bits(c)}, 0')}, label %{go}, label %{done}")
        c.e.label(go)
    arguments = f"i64 {address}, i64 {stride}, ptr {name}, ptr {data}, i32 {shape}, i32 {site}"
    call_helper(c, "matrix", arguments)
    if c.guard is not None:
        c.e.do(f"br label %{done}")
        c.e.label(done)
