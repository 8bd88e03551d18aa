"""ld and st (PTX ISA: Data Movement and Conversion Instructions: ld, st).

The fast path is inline: all 32 lanes active, addresses contiguous and aligned, inside the range that the launch
allows this instruction. Everything else, and every access in code that counts, goes through a helper that gathers or
scatters through the warp's scratch buffer; the code that takes vectors apart is then the same for both.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import LANES, llvm_type, splat
from harness.vgpu.jit.rules.access import (
    Shape,
    active_bits,
    address_of,
    all_of,
    call_helper,
    gather_operands,
    hand_over,
    host_address,
    shape_of,
    spread_results,
    warp_field,
    whole,
)
from harness.vgpu.jit.rules.rule import Rule
from harness.vgpu.layout import offset
from harness.vgpu.ptx.program import Address, Instruction, Operand, Register, Symbol

LOAD_STORE = "Data Movement and Conversion Instructions: ld, st"


def find(instruction: Instruction) -> Rule | None:
    """The rule of a load or store, or None where it is not one that the vgpu runs."""
    lower = {"ld": _load, "ldu": _load, "st": _store}.get(instruction.opcode)
    shape = shape_of(instruction) if lower else None
    if lower is None or shape is None:
        return None
    kind = {"shared": "shared", "param": "other"}.get(shape.space, "memory")
    return Rule(lower, LOAD_STORE, kind)  # type: ignore[arg-type]


# --- the fast path ------------------------------------------------------------------------------------------------


def _in_range(c: Context, site: int, start: str, length: int) -> str:
    ranges = c.e.load("ptr", c.e.field("%warp", offset("vgpu_warp", "range")), 8)
    entry = c.e.field(ranges, 16 * site)
    low, high = c.e.load("i64", entry, 8), c.e.load("i64", c.e.field(entry, 8), 8)
    end = c.e.binary("add", "i64", 1, start, str(length))
    above, below = c.e.let(f"icmp uge i64 {start}, {low}"), c.e.let(f"icmp ule i64 {end}, {high}")
    return all_of(c, above, below, c.e.let(f"icmp ugt i64 {end}, {start}"))  # the end may wrap around


def _aligned(c: Context, address: str, bytes_: int) -> str:
    rest = c.e.binary("and", "i64", 1, address, str(bytes_ - 1))
    return c.e.let(f"icmp eq i64 {rest}, 0")


@dataclass(slots=True)
class _Path:
    """The two ways of one access: names of the labels, and the pointers that they come with."""

    fast: str
    slow: str
    join: str
    host: str


def _branch(c: Context, shape: Shape, site: int, address: str, lanes: int, bits: str) -> _Path:
    """Decide between the fast path and the helper; leaves the emitter at the start of the slow path."""
    path = _Path(c.e.name("fast"), c.e.name("slow"), c.e.name("join"), "")
    if lanes == 1:
        path.host = host_address(c, shape, address, 1)
        fast = all_of(c, _in_range(c, site, path.host, shape.bytes), _aligned(c, path.host, shape.bytes),
                    c.e.let(f"icmp ne i32 {bits}, 0"))  # fmt: skip
    else:
        first, contiguous, full = whole(c, shape, address, bits)
        path.host = host_address(c, shape, first, 1)
        fast = all_of(c, contiguous, full, _in_range(c, site, path.host, LANES * shape.bytes),
                    _aligned(c, path.host, shape.bytes))  # fmt: skip
    c.e.do(f"br i1 {fast}, label %{path.fast}, label %{path.slow}, !prof !1")
    c.e.label(path.slow)
    return path


# --- ld -----------------------------------------------------------------------------------------------------------


def _load(c: Context) -> None:
    d, source = c.instruction.operands[:2]
    shape = shape_of(c.instruction)
    assert shape is not None
    if shape.space == "param" and _same_parameter(c, source):
        _load_parameter(c, d, source, shape)
        return
    lanes = c.lanes
    address = address_of(c, source, shape.space, lanes)
    bits = active_bits(c)
    site = c.site(shape.space, "load")
    type_ = llvm_type(shape.element, lanes * shape.count)
    if c.counts:
        spread_results(c, d, shape, _load_by_helper(c, shape, site, address, lanes, bits), lanes)
        return
    path = _branch(c, shape, site, address, lanes, bits)
    arrivals = []
    if lanes == LANES and _gathers(c, shape):
        arrivals.append(_shared_gather(c, shape, address, bits, path))
    arrivals.append(_arrive(c, _load_by_helper(c, shape, site, address, lanes, bits), path))
    c.e.label(path.fast)
    direct = c.e.let(f"inttoptr i64 {path.host} to ptr")
    arrivals.append(_arrive(c, c.e.load(type_, direct, shape.bytes), path))
    c.e.label(path.join)
    data = c.e.let(f"phi {type_} " + ", ".join(f"[ {value}, %{label} ]" for value, label in arrivals))
    spread_results(c, d, shape, data, lanes)


def _call_access(c: Context, name: str, shape: Shape, site: int, address: str, lanes: int, mask: str) -> None:
    arguments = f"i32 {mask}, i32 {shape.bytes}, i32 {site}"
    if not c.counts:
        call_helper(c, name, arguments)
        return
    together = "0"
    if lanes == LANES:
        _, contiguous, full = whole(c, shape, address, mask)
        together = c.e.cast("zext", "i1", 1, all_of(c, contiguous, full), "i32")
    call_helper(c, f"counted_{name}", f"{arguments}, i32 {together}")


def _load_by_helper(c: Context, shape: Shape, site: int, address: str, lanes: int, bits: str) -> str:
    """The data of all lanes, gathered by the helper in scratch."""
    mask, lane = hand_over(c, shape, address, lanes, bits)
    _call_access(c, "load", shape, site, address, lanes, mask)
    scratch = warp_field(c, "scratch")
    if lanes == 1:
        byte = c.e.binary("mul", "i32", 1, lane, str(shape.bytes))
        scratch = c.e.let(f"getelementptr i8, ptr {scratch}, i32 {byte}")
    return c.e.load(llvm_type(shape.element, lanes * shape.count), scratch, shape.bytes)


def _arrive(c: Context, value: str, path: _Path) -> tuple[str, str]:
    """End one way of an access at the join; returns the value with the label that it comes from."""
    label = c.e.name("arrive")
    c.e.do(f"br label %{label}")
    c.e.label(label)
    c.e.do(f"br label %{path.join}")
    return value, label


def _gathers(c: Context, shape: Shape) -> bool:
    """Whether scattered lanes of shared memory are worth the CPU's gather and scatter instructions."""
    return (
        c.frame.target.wide_gather and shape.space == "shared" and shape.count == 1 and shape.element in ("i32", "i64")
    )


def _shared_lanes(c: Context, shape: Shape, address: str, bits: str) -> tuple[str, str, str]:
    """Pointers into shared memory, the active lanes, and whether all of them are aligned and in bounds."""
    size = c.e.load("i32", c.e.field("%launch", offset("vgpu_launch", "shared_bytes")), 4)
    last = c.e.broadcast("i32", c.e.binary("sub", "i32", 1, size, str(shape.bytes)))
    vector = llvm_type("i32", LANES)
    mask = c.e.bitcast("i32", bits, "<32 x i1>")
    beyond = c.e.let(f"icmp sgt {vector} {address}, {last}")
    below = c.e.let(f"icmp slt {vector} {address}, {splat('i32', 0, LANES)}")
    rest = c.e.binary("and", "i32", LANES, address, splat("i32", shape.bytes - 1, LANES))
    skewed = c.e.let(f"icmp ne {vector} {rest}, {splat('i32', 0, LANES)}")
    bad = c.e.binary("or", "i1", LANES, c.e.binary("or", "i1", LANES, beyond, below), skewed)
    bad = c.e.bitcast("<32 x i1>", c.e.binary("and", "i1", LANES, bad, mask), "i32")
    fine = c.e.let(f"icmp eq i32 {bad}, 0")
    base = c.e.load("ptr", c.e.field("%warp", offset("vgpu_warp", "shared")), 8)
    pointers = c.e.let(f"getelementptr i8, ptr {base}, {vector} {address}")
    return pointers, mask, fine


def _shared_gather(c: Context, shape: Shape, address: str, bits: str, path: _Path) -> tuple[str, str]:
    """Scattered lanes that are in bounds; leaves the emitter where the others go on to the helper."""
    pointers, mask, fine = _shared_lanes(c, shape, address, bits)
    direct, helper = c.e.name("gather"), c.e.name("helper")
    c.e.do(f"br i1 {fine}, label %{direct}, label %{helper}, !prof !1")
    c.e.label(direct)
    type_ = llvm_type(shape.element, LANES)
    name = f"llvm.masked.gather.v{LANES}{shape.element}.v{LANES}p0"
    c.e.declarations[name] = f"declare {type_} @{name}(<32 x ptr>, i32, <32 x i1>, {type_})"
    value = c.e.let(
        f"call {type_} @{name}(<32 x ptr> {pointers}, i32 {shape.bytes}, <32 x i1> {mask}, {type_} zeroinitializer)"
    )
    arrival = _arrive(c, value, path)
    c.e.label(helper)
    return arrival


def _same_parameter(c: Context, source: Operand) -> bool:
    """Whether all lanes read the same kernel parameter: only an address in a register can differ."""
    if not isinstance(source, Address):
        c.unsupported("this parameter")
    if isinstance(source.base, Symbol) and source.base.name not in c.frame.parameters:
        c.unsupported("parameters of device functions")
    return not isinstance(source.base, Register) or c.lanes_of(source.base) == 1


def _load_parameter(c: Context, d: Operand, source: Operand, shape: Shape) -> None:
    pointer = c.e.let(f"inttoptr i64 {address_of(c, source, 'param', 1)} to ptr")
    spread_results(c, d, shape, c.e.load(llvm_type(shape.element, shape.count), pointer, shape.bytes), 1)


# --- st -----------------------------------------------------------------------------------------------------------


def _store(c: Context) -> None:
    target, source = c.instruction.operands[:2]
    shape = shape_of(c.instruction)
    assert shape is not None
    if shape.space == "param":
        c.unsupported("stores to parameters of device functions")
    data = gather_operands(c, source, shape)
    address = address_of(c, target, shape.space, LANES)
    bits = active_bits(c)
    site = c.site(shape.space, "store")
    if c.counts:
        _store_by_helper(c, shape, site, data, address, bits)
        return
    path = _branch(c, shape, site, address, LANES, bits)
    type_ = llvm_type(shape.element, LANES * shape.count)
    if _gathers(c, shape):
        _shared_scatter(c, shape, data, address, bits, path)
    _store_by_helper(c, shape, site, data, address, bits)
    c.e.do(f"br label %{path.join}")
    c.e.label(path.fast)
    direct = c.e.let(f"inttoptr i64 {path.host} to ptr")
    c.e.store(type_, data, direct, shape.bytes)
    c.e.do(f"br label %{path.join}")
    c.e.label(path.join)


def _store_by_helper(c: Context, shape: Shape, site: int, data: str, address: str, bits: str) -> None:
    c.e.store(llvm_type(shape.element, LANES * shape.count), data, warp_field(c, "scratch"), 16)
    mask, _ = hand_over(c, shape, address, LANES, bits)
    _call_access(c, "store", shape, site, address, LANES, mask)


def _shared_scatter(c: Context, shape: Shape, data: str, address: str, bits: str, path: _Path) -> None:
    """Lanes in ascending order, so of several to one address the last wins, as in the helper."""
    pointers, mask, fine = _shared_lanes(c, shape, address, bits)
    direct, helper = c.e.name("scatter"), c.e.name("helper")
    c.e.do(f"br i1 {fine}, label %{direct}, label %{helper}, !prof !1")
    c.e.label(direct)
    type_ = llvm_type(shape.element, LANES)
    name = f"llvm.masked.scatter.v{LANES}{shape.element}.v{LANES}p0"
    c.e.declarations[name] = f"declare void @{name}({type_}, <32 x ptr>, i32, <32 x i1>)"
    c.e.do(f"call void @{name}({type_} {data}, <32 x ptr> {pointers}, i32 {shape.bytes}, <32 x i1> {mask})")
    c.e.do(f"br label %{path.join}")
    c.e.label(helper)
