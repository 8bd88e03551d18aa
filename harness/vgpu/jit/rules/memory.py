"""ld and st, and what all memory instructions share (PTX ISA: Data Movement and Conversion Instructions: ld, st).

The fast path is inline: all 32 lanes active, addresses contiguous and aligned, inside the range that the launch
allows this instruction. Everything else, and every access in code that counts, goes through a helper that gathers or
scatters through the warp's scratch buffer; the code that takes vectors apart is then the same for both.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.vgpu.jit.context import INTEGERS, Context
from harness.vgpu.jit.emitter import LANES, constant_vector, llvm_type, splat
from harness.vgpu.jit.frame import SPACES
from harness.vgpu.jit.rules.move import local_base, shared_base, symbol_address
from harness.vgpu.jit.rules.rule import Rule
from harness.vgpu.layout import offset
from harness.vgpu.ptx.program import SIZES, Address, Instruction, Operand, Register, Sink, Symbol, Vector

LOAD_STORE = "Data Movement and Conversion Instructions: ld, st"

# What does not change the result here: caches, eviction hints, scopes and memory orders (a warp's accesses are in
# program order, and a block's warps change turns only at barriers)
HINTS = frozenset(
    "ca cg cs lu cv wb wt nc volatile weak relaxed acquire release acq_rel cta cluster gpu sys mmio "
    "L1::evict_normal L1::evict_unchanged L1::evict_first L1::evict_last L1::no_allocate "
    "L2::64B L2::128B L2::256B noftz".split()
)
SPACE_OF = {**{name: name for name in SPACES}, "shared::cta": "shared", "param::entry": "param"}


@dataclass(frozen=True, slots=True)
class Shape:
    """What one memory instruction moves per lane."""

    space: str
    type: str
    count: int

    @property
    def element(self) -> str:
        return INTEGERS[8 * SIZES[self.type]]

    @property
    def element_bytes(self) -> int:
        return SIZES[self.type]

    @property
    def bytes(self) -> int:
        return self.element_bytes * self.count


def shape_of(instruction: Instruction) -> Shape | None:
    """The instruction's modifiers taken apart; None where one is not known."""
    space, type_, count = "generic", "", 1
    for modifier in instruction.modifiers:
        if modifier in SPACE_OF:
            space = SPACE_OF[modifier]
        elif modifier in ("v2", "v4", "v8"):
            count = int(modifier[1])
        elif modifier in SIZES:
            type_ = modifier
        elif modifier not in HINTS:
            return None
    shape = Shape(space, type_, count)
    return shape if type_ and ((shape.bytes <= 16 and count < 8) or _is_wide(shape)) else None


def _is_wide(shape: Shape) -> bool:
    """256 bits, from sm_100 on: eight elements of 32 bits or four of 64, of global memory."""
    return shape.bytes == 32 and shape.element_bytes in (4, 8) and shape.space in ("generic", "global")


def find(instruction: Instruction) -> Rule | None:
    """The rule of a load or store, or None where it is not one that the vgpu runs."""
    lower = {"ld": _load, "ldu": _load, "st": _store}.get(instruction.opcode)
    shape = shape_of(instruction) if lower else None
    if lower is None or shape is None:
        return None
    kind = {"shared": "shared", "param": "other"}.get(shape.space, "memory")
    return Rule(lower, LOAD_STORE, kind)  # type: ignore[arg-type]


# --- addresses ----------------------------------------------------------------------------------------------------


def _address(c: Context, operand: Operand, space: str, lanes: int) -> str:
    """Host addresses as i64; of shared memory, offsets as i32."""
    if not isinstance(operand, Address):
        c.unsupported(f"an address of the form {operand}")
    scalar = "i32" if space == "shared" else "i64"
    base = operand.base
    if base is None:
        value = str(operand.offset)
        return value if lanes == 1 else c.e.broadcast(scalar, value)
    if isinstance(base, Symbol):
        address = symbol_address(c, Symbol(base.name, base.offset + operand.offset), lanes)
        value = address if lanes == 1 and address[0] != "%" else c.e.cast("trunc", "i64", lanes, address, scalar)
    else:
        wide = base.type.endswith("64")
        value = c.get(base, "i64" if wide else "i32", lanes=lanes)
        have = "i64" if wide else "i32"
        if have != scalar:
            value = c.e.cast("trunc" if wide else "zext", have, lanes, value, scalar)
        if operand.offset:
            step = str(operand.offset) if lanes == 1 else f"splat ({scalar} {operand.offset})"
            value = c.e.binary("add", scalar, lanes, value, step)
    if space == "local":
        value = c.e.binary("add", "i64", lanes, value, local_base(c))
    return value


def active_bits(c: Context) -> str:
    """The lanes that take part, as i32."""
    mask = c.mask
    if c.guard is not None:
        guard = c.guard if c.guard_lanes == LANES else c.e.broadcast("i1", c.guard)
        mask = c.e.binary("and", "i1", LANES, mask, guard)
    return c.e.bitcast("<32 x i1>", mask, "i32")


def _in_range(c: Context, site: int, start: str, length: int) -> str:
    ranges = c.e.load("ptr", c.e.field("%warp", offset("vgpu_warp", "range")), 8)
    entry = c.e.field(ranges, 16 * site)
    low, high = c.e.load("i64", entry, 8), c.e.load("i64", c.e.field(entry, 8), 8)
    end = c.e.binary("add", "i64", 1, start, str(length))
    above, below = c.e.let(f"icmp uge i64 {start}, {low}"), c.e.let(f"icmp ule i64 {end}, {high}")
    return _all(c, above, below, c.e.let(f"icmp ugt i64 {end}, {start}"))  # the end may wrap around


def _aligned(c: Context, address: str, bytes_: int) -> str:
    rest = c.e.binary("and", "i64", 1, address, str(bytes_ - 1))
    return c.e.let(f"icmp eq i64 {rest}, 0")


def _all(c: Context, *conditions: str) -> str:
    result = conditions[0]
    for condition in conditions[1:]:
        result = c.e.binary("and", "i1", 1, result, condition)
    return result


def warp_field(c: Context, name: str) -> str:
    return c.e.field("%warp", offset("vgpu_warp", name))


def call_helper(c: Context, name: str, arguments: str) -> None:
    """Call an access helper; a fault ends the warp."""
    helpers = c.e.load("ptr", c.e.field("%launch", offset("vgpu_launch", "helpers")), 8)
    function = c.e.load("ptr", c.e.field(helpers, offset("vgpu_helpers", name)), 8)
    outcome = c.e.let(f"call i32 {function}(ptr %warp, {arguments})")
    failed = c.e.let(f"icmp ne i32 {outcome}, 0")
    go_on = c.e.name("ok")
    c.e.do(f"br i1 {failed}, label %fault, label %{go_on}, !prof !0")
    c.e.label(go_on)


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
        path.host = _host(c, shape, address, 1)
        fast = _all(c, _in_range(c, site, path.host, shape.bytes), _aligned(c, path.host, shape.bytes),
                    c.e.let(f"icmp ne i32 {bits}, 0"))  # fmt: skip
    else:
        first, contiguous, full = _whole(c, shape, address, bits)
        path.host = _host(c, shape, first, 1)
        fast = _all(c, contiguous, full, _in_range(c, site, path.host, LANES * shape.bytes),
                    _aligned(c, path.host, shape.bytes))  # fmt: skip
    c.e.do(f"br i1 {fast}, label %{path.fast}, label %{path.slow}, !prof !1")
    c.e.label(path.slow)
    return path


def _whole(c: Context, shape: Shape, address: str, bits: str) -> tuple[str, str, str]:
    """The first lane's address, whether the lanes lie one behind the other, and whether all are active."""
    scalar = "i32" if shape.space == "shared" else "i64"
    first = c.e.let(f"extractelement {llvm_type(scalar, LANES)} {address}, i64 0")
    distance = c.e.binary("sub", scalar, LANES, address, c.e.broadcast(scalar, first))
    steps = constant_vector(scalar, [lane * shape.bytes for lane in range(LANES)])
    equal = c.e.let(f"icmp eq {llvm_type(scalar, LANES)} {distance}, {steps}")
    contiguous = c.e.let(f"icmp eq i32 {c.e.bitcast('<32 x i1>', equal, 'i32')}, -1")
    return first, contiguous, c.e.let(f"icmp eq i32 {bits}, -1")


def _host(c: Context, shape: Shape, address: str, lanes: int) -> str:
    """A shared offset becomes a host address; others are host addresses already."""
    if shape.space != "shared":
        return address
    wide = c.e.cast("zext", "i32", lanes, address, "i64") if address[0] in "%<s" else address
    base = shared_base(c)
    return c.e.binary("add", "i64", lanes, wide, base if lanes == 1 else c.e.broadcast("i64", base))


def _hand_over(c: Context, shape: Shape, address: str, lanes: int, bits: str) -> tuple[str, str]:
    """Put addresses where the helpers look for them. Returns the mask that they get and the lane of a scalar."""
    target = warp_field(c, "addresses")
    host = _host(c, shape, address, lanes)
    if lanes == LANES:
        c.e.store(llvm_type("i64", LANES), host, target, 8)
        return bits, "0"
    c.e.declarations["llvm.cttz.i32"] = "declare i32 @llvm.cttz.i32(i32, i1)"
    lowest = c.e.let(f"call i32 @llvm.cttz.i32(i32 {bits}, i1 false)")
    lane = c.e.binary("and", "i32", 1, lowest, "31")
    slot = c.e.let(f"getelementptr i64, ptr {target}, i32 {lane}")
    c.e.store("i64", host, slot, 8)
    minus = c.e.binary("sub", "i32", 1, "0", bits)
    return c.e.binary("and", "i32", 1, bits, minus), lane


# --- ld -----------------------------------------------------------------------------------------------------------


def _load(c: Context) -> None:
    d, source = c.instruction.operands[:2]
    shape = shape_of(c.instruction)
    assert shape is not None
    if shape.space == "param" and _same_parameter(c, source):
        _load_parameter(c, d, source, shape)
        return
    lanes = c.lanes
    address = _address(c, source, shape.space, lanes)
    bits = active_bits(c)
    site = c.site(shape.space, "load")
    type_ = llvm_type(shape.element, lanes * shape.count)
    if c.counts:
        _spread_results(c, d, shape, _load_by_helper(c, shape, site, address, lanes, bits), lanes)
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
    _spread_results(c, d, shape, data, lanes)


def _call_access(c: Context, name: str, shape: Shape, site: int, address: str, lanes: int, mask: str) -> None:
    arguments = f"i32 {mask}, i32 {shape.bytes}, i32 {site}"
    if not c.counts:
        call_helper(c, name, arguments)
        return
    whole = "0"
    if lanes == LANES:
        _, contiguous, full = _whole(c, shape, address, mask)
        whole = c.e.cast("zext", "i1", 1, _all(c, contiguous, full), "i32")
    call_helper(c, f"counted_{name}", f"{arguments}, i32 {whole}")


def _load_by_helper(c: Context, shape: Shape, site: int, address: str, lanes: int, bits: str) -> str:
    """The data of all lanes, gathered by the helper in scratch."""
    mask, lane = _hand_over(c, shape, address, lanes, bits)
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


def _spread_results(c: Context, d: Operand, shape: Shape, data: str, lanes: int) -> None:
    """Take vectors apart and write the registers."""
    total = lanes * shape.count
    targets = d.elements if isinstance(d, Vector) else (d,)
    for position, target in enumerate(targets):
        if isinstance(target, Sink):
            continue
        if shape.count == 1:
            value = data
        elif lanes == 1:
            value = c.e.let(f"extractelement {llvm_type(shape.element, total)} {data}, i64 {position}")
        else:
            order = [lane * shape.count + position for lane in range(LANES)]
            value = c.e.shuffle(shape.element, total, data, None, order)
        c.put_extended(target, value, shape.element, signed=shape.type[0] == "s", lanes=lanes)


def _same_parameter(c: Context, source: Operand) -> bool:
    """Whether all lanes read the same kernel parameter: only an address in a register can differ."""
    if not isinstance(source, Address):
        c.unsupported("this parameter")
    if isinstance(source.base, Symbol) and source.base.name not in c.frame.parameters:
        c.unsupported("parameters of device functions")
    return not isinstance(source.base, Register) or c.lanes_of(source.base) == 1


def _load_parameter(c: Context, d: Operand, source: Operand, shape: Shape) -> None:
    pointer = c.e.let(f"inttoptr i64 {_address(c, source, 'param', 1)} to ptr")
    _spread_results(c, d, shape, c.e.load(llvm_type(shape.element, shape.count), pointer, shape.bytes), 1)


# --- st -----------------------------------------------------------------------------------------------------------


def _store(c: Context) -> None:
    target, source = c.instruction.operands[:2]
    shape = shape_of(c.instruction)
    assert shape is not None
    if shape.space == "param":
        c.unsupported("stores to parameters of device functions")
    data = _gather_operands(c, source, shape)
    address = _address(c, target, shape.space, LANES)
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
    mask, _ = _hand_over(c, shape, address, LANES, bits)
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


def _gather_operands(c: Context, source: Operand, shape: Shape) -> str:
    """The values of all lanes as they lie in memory: the elements of lane 0, of lane 1, ..."""
    elements = source.elements if isinstance(source, Vector) else (source,)
    values = [c.get(element, shape.element, lanes=LANES) for element in elements]
    width = LANES
    while len(values) > 1:  # pairs (0, 2), (1, 3) and then those two: element i of lane l ends at count * l + i
        half = len(values) // 2
        order = [lane + side * width for lane in range(width) for side in (0, 1)]
        values = [c.e.shuffle(shape.element, width, values[i], values[i + half], order) for i in range(half)]
        width *= 2
    return values[0]
