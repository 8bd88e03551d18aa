"""What all memory instructions share: shapes and hints, addresses of the lanes, operands and results as they lie in
memory, and the call of a helper, which reads addresses and data from the warp's own buffers.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.vgpu.jit.context import INTEGERS, Context
from harness.vgpu.jit.emitter import LANES, constant_vector, llvm_type
from harness.vgpu.jit.frame import SPACES
from harness.vgpu.jit.rules.move import local_base, shared_base, symbol_address
from harness.vgpu.layout import offset
from harness.vgpu.ptx.program import SIZES, Address, Instruction, Operand, Sink, Symbol, Vector

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


# --- addresses ----------------------------------------------------------------------------------------------------


def address_of(c: Context, operand: Operand, space: str, lanes: int) -> str:
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


def host_address(c: Context, shape: Shape, address: str, lanes: int) -> str:
    """A shared offset becomes a host address; others are host addresses already."""
    if shape.space != "shared":
        return address
    wide = c.e.cast("zext", "i32", lanes, address, "i64") if address[0] in "%<s" else address
    base = shared_base(c)
    return c.e.binary("add", "i64", lanes, wide, base if lanes == 1 else c.e.broadcast("i64", base))


def whole(c: Context, shape: Shape, address: str, bits: str) -> tuple[str, str, str]:
    """The first lane's address, whether the lanes lie one behind the other, and whether all are active."""
    scalar = "i32" if shape.space == "shared" else "i64"
    first = c.e.let(f"extractelement {llvm_type(scalar, LANES)} {address}, i64 0")
    distance = c.e.binary("sub", scalar, LANES, address, c.e.broadcast(scalar, first))
    steps = constant_vector(scalar, [lane * shape.bytes for lane in range(LANES)])
    equal = c.e.let(f"icmp eq {llvm_type(scalar, LANES)} {distance}, {steps}")
    contiguous = c.e.let(f"icmp eq i32 {c.e.bitcast('<32 x i1>', equal, 'i32')}, -1")
    return first, contiguous, c.e.let(f"icmp eq i32 {bits}, -1")


def active_bits(c: Context) -> str:
    """The lanes that take part, as i32."""
    mask = c.mask
    if c.guard is not None:
        guard = c.guard if c.guard_lanes == LANES else c.e.broadcast("i1", c.guard)
        mask = c.e.binary("and", "i1", LANES, mask, guard)
    return c.e.bitcast("<32 x i1>", mask, "i32")


# --- helpers ------------------------------------------------------------------------------------------------------


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


def hand_over(c: Context, shape: Shape, address: str, lanes: int, bits: str) -> tuple[str, str]:
    """Put addresses where the helpers look for them. Returns the mask that they get and the lane of a scalar."""
    target = warp_field(c, "addresses")
    host = host_address(c, shape, address, lanes)
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


def all_of(c: Context, *conditions: str) -> str:
    result = conditions[0]
    for condition in conditions[1:]:
        result = c.e.binary("and", "i1", 1, result, condition)
    return result


# --- operands and results -----------------------------------------------------------------------------------------


def gather_operands(c: Context, source: Operand, shape: Shape) -> str:
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


def spread_results(c: Context, d: Operand, shape: Shape, data: str, lanes: int) -> None:
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
