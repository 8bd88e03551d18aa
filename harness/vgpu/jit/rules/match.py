"""match, elect and redux of FP32 (PTX ISA: Parallel Synchronization and Communication Instructions).

Lanes that run the instruction together may name different member masks; each is answered for its own.
"""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import LANES, constant_vector, llvm_type, splat
from harness.vgpu.jit.rules.access import active_bits
from harness.vgpu.jit.rules.rule import Lower, Rule, RuleTable
from harness.vgpu.ptx.program import Pair

PARALLEL = "Parallel Synchronization and Communication Instructions"
WORD, MASK = llvm_type("i32", LANES), llvm_type("i1", LANES)


def _members(c: Context) -> str:
    """Each lane's member mask, as far as its lanes run this instruction."""
    named = c.get(c.instruction.operands[-1], "i32", lanes=LANES)
    return c.e.binary("and", "i32", LANES, named, c.e.broadcast("i32", active_bits(c)))


def _equal_lanes(c: Context, value: str, scalar: str) -> str:
    """For every lane, a bit for each lane that holds the same value."""
    result = "poison"
    for lane in range(LANES):
        own = c.e.let(f"extractelement {llvm_type(scalar, LANES)} {value}, i64 {lane}")
        equal = c.e.let(f"icmp eq {llvm_type(scalar, LANES)} {value}, {c.e.broadcast(scalar, own)}")
        result = c.e.let(f"insertelement {WORD} {result}, i32 {c.e.bitcast(MASK, equal, 'i32')}, i64 {lane}")
    return result


def _match(every: bool, scalar: str) -> Lower:
    """any: the members with this value. all: the members if their values are one, else 0; with a predicate."""

    def lower(c: Context) -> None:
        d, a, _ = c.instruction.operands
        members = _members(c)
        same = c.e.binary("and", "i32", LANES, _equal_lanes(c, c.get(a, scalar, lanes=LANES), scalar), members)
        if not every:
            c.put(d, same, "i32", lanes=LANES)
            return
        agreed = c.e.let(f"icmp eq {WORD} {same}, {members}")
        target = d.first if isinstance(d, Pair) else d
        c.put(target, c.e.select(agreed, "i32", LANES, members, splat("i32", 0, LANES)), "i32", lanes=LANES)
        if isinstance(d, Pair):
            c.put(d.second, agreed, "i1", lanes=LANES)

    return lower


def _elect(c: Context) -> None:
    """d|p: the lowest member leads."""
    d = c.instruction.operands[0]
    leader = c.e.intrinsic("cttz", "i32", LANES, _members(c), extra="false")
    lanes = constant_vector("i32", list(range(LANES)))
    if not isinstance(d, Pair):
        c.unsupported("an elect.sync without its predicate")
    c.put(d.first, leader, "i32", lanes=LANES)
    c.put(d.second, c.e.let(f"icmp eq {WORD} {leader}, {lanes}"), "i1", lanes=LANES)


# --- redux of FP32 ------------------------------------------------------------------------------------------------


def _redux(operation: str, absolute: bool, nan: bool) -> Lower:
    """min, max over the members: -0 below +0; NaN is left out, or with .NaN the answer. Ordered as integers are."""

    def lower(c: Context) -> None:
        d, a, _ = c.instruction.operands
        members, bits = _members(c), c.get(a, "i32", lanes=LANES)
        magnitude = c.e.binary("and", "i32", LANES, bits, splat("i32", 0x7FFFFFFF, LANES))
        is_nan = c.e.let(f"icmp ugt {WORD} {magnitude}, {splat('i32', 0x7F800000, LANES)}")
        bits = magnitude if absolute else bits
        key = _sortable(c, bits)
        neutral = splat("i32", 0x7FFFFFFF if operation == "min" else -0x80000000, LANES)
        key = c.e.select(is_nan, "i32", LANES, neutral, key)
        nan_bits, result = c.e.bitcast(MASK, is_nan, "i32"), neutral
        for lane in range(LANES):
            own = c.e.broadcast("i32", c.e.let(f"extractelement {WORD} {key}, i64 {lane}"))
            bit = c.e.binary("and", "i32", LANES, members, splat("i32", 1 << lane, LANES))
            takes_part = c.e.let(f"icmp ne {WORD} {bit}, {splat('i32', 0, LANES)}")
            combined = c.e.intrinsic(f"s{operation}", "i32", LANES, result, own)
            result = c.e.select(takes_part, "i32", LANES, combined, result)
        with_nan = c.e.binary("and", "i32", LANES, members, c.e.broadcast("i32", nan_bits))
        answer_is_nan = (
            c.e.let(f"icmp ne {WORD} {with_nan}, {splat('i32', 0, LANES)}")
            if nan
            else c.e.let(f"icmp eq {WORD} {with_nan}, {members}")
        )
        value = c.e.select(answer_is_nan, "i32", LANES, splat("i32", 0x7FFFFFFF, LANES), _sortable(c, result))
        c.put(d, value, "i32", lanes=LANES)

    return lower


def _sortable(c: Context, bits: str) -> str:
    """An integer that is ordered as the number is; its own inverse."""
    sign = c.e.binary("ashr", "i32", LANES, bits, splat("i32", 31, LANES))
    low = c.e.binary("and", "i32", LANES, sign, splat("i32", 0x7FFFFFFF, LANES))
    return c.e.binary("xor", "i32", LANES, bits, low)


def _table() -> RuleTable:
    rules: RuleTable = {}
    for bits in (32, 64):
        rules[f"match.any.sync.b{bits}"] = Rule(_match(False, f"i{bits}"), PARALLEL + ": match.sync", "other")
        rules[f"match.all.sync.b{bits}"] = Rule(_match(True, f"i{bits}"), PARALLEL + ": match.sync", "other")
    rules["elect.sync"] = Rule(_elect, PARALLEL + ": elect.sync", "other")
    for name in ("min", "max"):
        for absolute in (False, True):
            for nan in (False, True):
                form = f"redux.sync.{name}{'.abs' * absolute}{'.NaN' * nan}.f32"
                rules[form] = Rule(_redux(name, absolute, nan), PARALLEL + ": redux.sync", "other")
    return rules


RULES = _table()
