"""mov, cvta and addresses (PTX ISA: Data Movement and Conversion Instructions).

A generic address is a host address. A shared or local address is an offset from the block's or thread's base.
"""

from __future__ import annotations

from harness.vgpu.jit.context import INTEGERS, Context
from harness.vgpu.jit.emitter import BITS, LANES, constant_vector, llvm_type, splat
from harness.vgpu.jit.frame import function_address
from harness.vgpu.jit.rules.rule import LLVM_FLOAT, LLVM_INTEGER, Rule, RuleTable
from harness.vgpu.layout import offset
from harness.vgpu.ptx.program import Sink, Symbol, Vector, type_size

SECTION = "Data Movement and Conversion Instructions"


def shared_base(c: Context) -> str:
    """Host address of the block's shared memory."""
    return c.e.load("i64", c.e.field("%warp", offset("vgpu_warp", "shared")), 8)


def local_base(c: Context) -> str:
    """Host address of each lane's local memory."""
    start = c.e.broadcast("i64", c.e.load("i64", c.e.field("%warp", offset("vgpu_warp", "local")), 8))
    size = c.e.load("i32", c.e.field("%launch", offset("vgpu_launch", "local_bytes")), 4)
    size = c.e.broadcast("i64", c.e.cast("zext", "i32", 1, size, "i64"))
    steps = c.e.binary("mul", "i64", LANES, constant_vector("i64", list(range(LANES))), size)
    return c.e.binary("add", "i64", LANES, start, steps)


def symbol_address(c: Context, symbol: Symbol, lanes: int) -> str:
    """The address of a variable in its own space, as i64 (kernel parameters: a host address)."""
    frame = c.frame
    if symbol.name in frame.local:
        return _local_address(c, symbol, lanes)
    value = _scalar_address(c, symbol)
    return value if lanes == 1 else c.e.broadcast("i64", value, lanes)


def _local_address(c: Context, symbol: Symbol, lanes: int) -> str:
    """Behind the start of the function's activation, which for the kernel is 0."""
    place = splat("i64", c.frame.local[symbol.name] + symbol.offset, lanes)
    if c.frame.local_owner[symbol.name] == c.frame.function.name:
        return place
    at = c.e.load(llvm_type("i32", LANES), "%at", 64)
    return c.e.binary("add", "i64", LANES, c.e.cast("zext", "i32", LANES, at, "i64"), place)


def _scalar_address(c: Context, symbol: Symbol) -> str:
    frame = c.frame
    if symbol.name in frame.shared:
        return str(frame.shared[symbol.name] + symbol.offset)
    if symbol.name in frame.parameters:
        start = c.e.load("i64", c.e.field("%launch", offset("vgpu_launch", "parameters")), 8)
        return c.e.binary("add", "i64", 1, start, str(frame.parameters[symbol.name] + symbol.offset))
    if symbol.name in frame.module.variables:
        table = c.e.load("ptr", c.e.field("%launch", offset("vgpu_launch", "symbols")), 8)
        start = c.e.load("i64", c.e.field(table, 8 * frame.symbol(symbol.name)), 8)
        return c.e.binary("add", "i64", 1, start, str(symbol.offset))
    if symbol.name in frame.module.functions:
        return str(function_address(frame.module, symbol.name) + symbol.offset)
    return c.unsupported(f"the address of {symbol.name}")


def _mov(c: Context) -> None:
    d, a = c.instruction.operands
    type_ = c.instruction.modifiers[-1]
    scalar = LLVM_INTEGER.get(type_) or INTEGERS[8 * type_size(type_)]
    if isinstance(d, Vector):
        _unpack(c, d, c.get(a, scalar), scalar)
    elif isinstance(a, Vector):
        c.put(d, _pack(c, a, scalar), scalar)
    elif isinstance(a, Symbol):
        address = symbol_address(c, a, c.lanes)
        c.put(d, c.e.cast("trunc", "i64", c.lanes, address, scalar), scalar)
    else:
        c.put(d, c.get(a, scalar), scalar)


def _pack(c: Context, vector: Vector, scalar: str) -> str:
    """{a, b, ...}: the first element is the lowest."""
    bits = BITS[scalar] // len(vector.elements)
    total = splat(scalar, 0, c.lanes)
    for position, element in enumerate(vector.elements):
        wide = c.e.cast("zext", INTEGERS[bits], c.lanes, c.get(element, INTEGERS[bits]), scalar)
        moved = c.e.binary("shl", scalar, c.lanes, wide, splat(scalar, bits * position, c.lanes))
        total = c.e.binary("or", scalar, c.lanes, total, moved)
    return total


def _unpack(c: Context, vector: Vector, value: str, scalar: str) -> None:
    bits = BITS[scalar] // len(vector.elements)
    for position, element in enumerate(vector.elements):
        if isinstance(element, Sink):
            continue
        moved = c.e.binary("lshr", scalar, c.lanes, value, splat(scalar, bits * position, c.lanes))
        c.put(element, c.e.cast("trunc", scalar, c.lanes, moved, INTEGERS[bits]), INTEGERS[bits])


def _cvta(c: Context) -> None:
    d, a = c.instruction.operands
    space = next(
        m for m in c.instruction.modifiers if m in ("global", "const", "shared", "local", "param", "shared::cta")
    )
    scalar = LLVM_INTEGER[c.instruction.modifiers[-1]]
    lanes = LANES if space == "local" else c.lanes
    if isinstance(a, Symbol):
        value = symbol_address(c, a, lanes)
    else:
        value = c.get(a, scalar, lanes=lanes)
    if space in ("shared", "local", "shared::cta"):
        base = local_base(c) if space == "local" else shared_base(c)
        if space != "local" and lanes == LANES:
            base = c.e.broadcast("i64", base)
        value = c.e.binary("sub" if "to" in c.instruction.modifiers else "add", "i64", lanes, value, base)
    c.put(d, value, scalar, lanes=lanes)


def _table() -> RuleTable:
    rules: RuleTable = {}
    types = [t for t in LLVM_INTEGER if not t.endswith("8")] + [t for t in LLVM_FLOAT if t != "f16"]
    for type_ in types:
        rules[f"mov.{type_}"] = Rule(_mov, SECTION + ": mov", "int")
    for space in ("global", "const", "shared", "local", "param", "shared::cta"):
        for direction in (f"cvta.{space}", f"cvta.to.{space}"):
            rules[f"{direction}.u64"] = Rule(_cvta, SECTION + ": cvta", "int")
    return rules


RULES = _table()
