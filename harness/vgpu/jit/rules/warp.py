"""Instructions between lanes: shfl, vote, activemask, redux, and what orders memory (PTX ISA: Data Movement: shfl.sync;
Parallel Synchronization and Communication Instructions).

The lanes of a node are in step; where lanes can be apart, those of a member mask have met before (jit/meetings.py).
"""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import LANES, constant_vector, llvm_type, splat
from harness.vgpu.jit.rules.rule import Lower, Rule, RuleTable
from harness.vgpu.ptx.program import Integer, Operand, Pair

SHUFFLE = "Data Movement and Conversion Instructions: shfl"
PARALLEL = "Parallel Synchronization and Communication Instructions"
VECTOR = llvm_type("i32", LANES)


def _shuffle(mode: str) -> Lower:
    def lower(c: Context) -> None:
        d, a, b, clamp, *_ = c.instruction.operands
        value = c.get(a, "i32", lanes=LANES)
        if isinstance(b, Integer) and isinstance(clamp, Integer):
            result, valid = _constant_shuffle(c, mode, value, b.value, clamp.value)
        else:
            result, valid = _dynamic_shuffle(c, mode, value, b, clamp)
        c.put(d.first if isinstance(d, Pair) else d, result, "i32", lanes=LANES)
        if isinstance(d, Pair):
            c.put(d.second, valid, "i1", lanes=LANES)

    return lower


def source_lane(mode: str, lane: int, b: int, clamp: int) -> tuple[int, bool]:
    """The lane that `lane` reads from, and whether it lies in range (PTX ISA's pseudocode of shfl.sync)."""
    b, limit, segment = b & 31, clamp & 31, clamp >> 8 & 31
    highest, lowest = (lane & segment) | (limit & ~segment), lane & segment
    if mode == "up":
        source, valid = lane - b, lane - b >= highest
    elif mode == "down":
        source, valid = lane + b, lane + b <= highest
    elif mode == "bfly":
        source, valid = lane ^ b, lane ^ b <= highest
    else:
        source = lowest | (b & ~segment)
        valid = source <= highest
    return (source if valid else lane), valid


def _constant_shuffle(c: Context, mode: str, value: str, b: int, clamp: int) -> tuple[str, str]:
    chosen = [source_lane(mode, lane, b, clamp) for lane in range(LANES)]
    result = c.e.shuffle("i32", LANES, value, None, [source for source, _ in chosen])
    valid = "<" + ", ".join(f"i1 {'true' if ok else 'false'}" for _, ok in chosen) + ">"
    return result, valid


def _dynamic_shuffle(c: Context, mode: str, value: str, b: Operand, clamp: Operand) -> tuple[str, str]:
    """The same rule on vectors; the permutation itself goes through memory."""
    e = c.e

    def both(operation: str, x: str, y: str) -> str:
        return e.binary(operation, "i32", LANES, x, y)

    low_five = splat("i32", 31, LANES)
    lane = constant_vector("i32", list(range(LANES)))
    amount = both("and", c.get(b, "i32", lanes=LANES), low_five)
    packed = c.get(clamp, "i32", lanes=LANES)
    limit = both("and", packed, low_five)
    segment = both("and", both("lshr", packed, splat("i32", 8, LANES)), low_five)
    outside = both("xor", segment, splat("i32", -1, LANES))
    lowest = both("and", lane, segment)
    highest = both("or", lowest, both("and", limit, outside))
    if mode == "up":
        source, comparison = both("sub", lane, amount), "sge"
    elif mode == "down":
        source, comparison = both("add", lane, amount), "sle"
    elif mode == "bfly":
        source, comparison = both("xor", lane, amount), "sle"
    else:
        source, comparison = both("or", lowest, both("and", amount, outside)), "sle"
    valid = e.let(f"icmp {comparison} {VECTOR} {source}, {highest}")
    index = both("and", e.select(valid, "i32", LANES, source, lane), low_five)
    return permute(c, value, index), valid


def permute(c: Context, value: str, index: str) -> str:
    """value[index] for every lane."""
    table = c.e.alloca(c.e.name("table"), VECTOR)
    c.e.store(VECTOR, value, table, 64)
    pointers = c.e.let(f"getelementptr i32, ptr {table}, {VECTOR} {index}")
    gather = "llvm.masked.gather.v32i32.v32p0"
    c.e.declarations[gather] = f"declare <32 x i32> @{gather}(<32 x ptr>, i32, <32 x i1>, <32 x i32>)"
    everyone = "splat (i1 true)"
    return c.e.let(f"call <32 x i32> @{gather}(<32 x ptr> {pointers}, i32 4, <32 x i1> {everyone}, <32 x i32> poison)")


def active(c: Context) -> str:
    """The lanes that run this instruction."""
    if c.guard is None:
        return c.mask
    guard = c.guard if c.guard_lanes == LANES else c.e.broadcast("i1", c.guard)
    return c.e.binary("and", "i1", LANES, c.mask, guard)


def members(c: Context) -> str | None:
    """The member mask of each lane; None where it names the whole warp, or where there is none (before sm_70)."""
    if "sync" not in c.instruction.modifiers:
        return None
    mask = c.instruction.operands[-1]
    if isinstance(mask, Integer) and mask.value & 0xFFFFFFFF == 0xFFFFFFFF:
        return None
    return c.get(mask, "i32", lanes=LANES)


def _vote(mode: str) -> Lower:
    """Of the active lanes, those of a lane's own mask count: tiles of a warp vote at the same instruction."""

    def lower(c: Context) -> None:
        d, a, *_ = c.instruction.operands
        lanes = active(c)
        holds = c.e.binary("and", "i1", LANES, c.get(a, "i1", lanes=LANES), lanes)
        yes, all_ = (c.e.broadcast("i32", c.e.bitcast("<32 x i1>", v, "i32")) for v in (holds, lanes))
        own = members(c)
        if own is not None:
            yes, all_ = (c.e.binary("and", "i32", LANES, bits, own) for bits in (yes, all_))
        if mode == "ballot":
            c.put(d, yes, "i32", lanes=LANES)
            return
        none = c.e.let(f"icmp eq {VECTOR} {yes}, {splat('i32', 0, LANES)}")
        every = c.e.let(f"icmp eq {VECTOR} {yes}, {all_}")
        answer = {"any": lambda: c.e.binary("xor", "i1", LANES, none, splat("i1", "true", LANES)),
                  "all": lambda: every,
                  "uni": lambda: c.e.binary("or", "i1", LANES, none, every)}[mode]()  # fmt: skip
        c.put(d, answer, "i1", lanes=LANES)

    return lower


def _activemask(c: Context) -> None:
    bits = c.e.bitcast("<32 x i1>", active(c), "i32")
    c.put(c.instruction.operands[0], c.e.broadcast("i32", bits), "i32", lanes=LANES)


IDENTITY = {"add": 0, "or": 0, "xor": 0, "umax": 0, "and": -1, "umin": -1, "smin": 0x7FFFFFFF, "smax": -0x80000000}


def _redux(reduction: str) -> Lower:
    def lower(c: Context) -> None:
        d, a, *_ = c.instruction.operands
        neutral = splat("i32", IDENTITY[reduction], LANES)
        value = c.e.select(active(c), "i32", LANES, c.get(a, "i32", lanes=LANES), neutral)
        own = members(c)
        if own is None:
            result = c.e.broadcast("i32", c.e.reduce(reduction, "i32", value))
        else:
            result = _redux_of_members(c, reduction, value, own)
        c.put(d, result, "i32", lanes=LANES)

    return lower


def _redux_of_members(c: Context, reduction: str, value: str, own: str) -> str:
    """Lane after lane is offered to all; each takes those of its own mask."""
    result = neutral = splat("i32", IDENTITY[reduction], LANES)
    for lane in range(LANES):
        offered = c.e.shuffle("i32", LANES, value, None, [lane] * LANES)
        bit = c.e.binary("and", "i32", LANES, own, splat("i32", 1 << lane, LANES))
        taken = c.e.let(f"icmp ne {VECTOR} {bit}, {splat('i32', 0, LANES)}")
        part = c.e.select(taken, "i32", LANES, offered, neutral)
        if reduction in ("add", "and", "or", "xor"):
            result = c.e.binary(reduction, "i32", LANES, result, part)
        else:
            result = c.e.intrinsic(reduction, "i32", LANES, result, part)
    return result


def _fence(c: Context) -> None:
    c.e.do("fence seq_cst")


def _nothing(c: Context) -> None:
    """Orders what is in order already, or is a hint."""


def _table() -> RuleTable:
    rules: RuleTable = {}
    for sync, suffix in (("sync.", ".sync"), ("", "")):  # without: PTX before 6.0; the lanes that are active take part
        for mode in ("up", "down", "bfly", "idx"):
            rules[f"shfl.{sync}{mode}.b32"] = Rule(_shuffle(mode), SHUFFLE + suffix, "other")
        for mode in ("all", "any", "uni"):
            rules[f"vote.{sync}{mode}.pred"] = Rule(_vote(mode), PARALLEL + ": vote" + suffix, "other")
        rules[f"vote.{sync}ballot.b32"] = Rule(_vote("ballot"), PARALLEL + ": vote" + suffix, "other")
    rules["activemask.b32"] = Rule(_activemask, PARALLEL + ": activemask", "other")
    for type_, prefix in (("s32", "s"), ("u32", "u")):
        rules[f"redux.sync.add.{type_}"] = Rule(_redux("add"), PARALLEL + ": redux.sync", "other")
        for name in ("min", "max"):
            rules[f"redux.sync.{name}.{type_}"] = Rule(_redux(prefix + name), PARALLEL + ": redux.sync", "other")
    for name in ("and", "or", "xor"):
        rules[f"redux.sync.{name}.b32"] = Rule(_redux(name), PARALLEL + ": redux.sync", "other")
    for form in ("membar.cta", "membar.gl", "membar.sys", "fence.acq_rel.cta", "fence.acq_rel.gpu", "fence.acq_rel.sys",
                 "fence.sc.cta", "fence.sc.gpu", "fence.sc.sys"):  # fmt: skip
        rules[form] = Rule(_fence, PARALLEL + ": membar, fence", "other")
    rules["bar.warp.sync"] = Rule(_nothing, PARALLEL + ": bar.warp.sync", "barrier")
    rules["nanosleep.u32"] = Rule(_nothing, "Miscellaneous Instructions: nanosleep", "other")
    return rules


RULES = _table()
