"""cp.async and mbarrier (PTX ISA: Data Movement and Conversion Instructions: Asynchronous copy; Parallel
Synchronization and Communication Instructions: mbarrier).

A copy is done when it is issued: PTX promises completion only behind a wait, and allows it before. So committing and
waiting do nothing, and mbarriers see a copy's arrival at once.
"""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import LANES, llvm_type, splat
from harness.vgpu.jit.rules.access import (
    Shape,
    active_bits,
    address_of,
    call_helper,
    hand_over,
    host_address,
    warp_field,
)
from harness.vgpu.jit.rules.rule import Lower, Rule
from harness.vgpu.ptx.program import Address, Instruction, Integer, Operand, Register, Sink

COPY = "Data Movement and Conversion Instructions: cp.async"
BARRIER = "Parallel Synchronization and Communication Instructions: mbarrier"
WORD, LONG = llvm_type("i32", LANES), llvm_type("i64", LANES)
SPACES = {"shared": "shared", "shared::cta": "shared", "shared::cluster": "shared"}
COPY_HINTS = frozenset("async ca cg global L2::cache_hint L2::64B L2::128B L2::256B".split()) | set(SPACES)
# scopes and memory orders: a warp's accesses are in program order, and warps take turns
ORDERS = frozenset("b64 acquire release relaxed cta cluster noComplete".split()) | set(SPACES)
# operation of vgpu_mbarrier in run/asynchronous.c
_NAMES = "init inval arrive arrive_drop expect_tx complete_tx test parity"
OPERATIONS = {name: code for code, name in enumerate(_NAMES.split())}


def find(instruction: Instruction) -> Rule | None:
    """The rule of a `cp.async` of one thread or of an `mbarrier`, or None where the vgpu has no such form."""
    modifiers = instruction.modifiers
    if instruction.opcode == "cp" and modifiers[:1] == ("async",):
        lower = _find_copy(modifiers)
        return Rule(lower, COPY, "memory") if lower else None
    if instruction.opcode == "mbarrier":
        lower = _find_barrier(modifiers)
        return Rule(lower, BARRIER, "shared") if lower else None
    return None


def _find_copy(modifiers: tuple[str, ...]) -> Lower | None:
    if modifiers[1:] in (("commit_group",), ("wait_group",), ("wait_all",)):
        return _nothing
    if modifiers[1:3] == ("mbarrier", "arrive"):
        return _arrive_without_increment if "noinc" in modifiers else _nothing
    return _copy if set(modifiers) <= COPY_HINTS and "global" in modifiers and modifiers[1] in ("ca", "cg") else None


def _find_barrier(modifiers: tuple[str, ...]) -> Lower | None:
    name, *rest = modifiers
    if name == "pending_count":
        return _pending_count
    if name in ("test_wait", "try_wait"):
        return _wait if set(rest) <= ORDERS | {"parity"} else None
    if name in ("arrive", "arrive_drop"):
        return _arrive if set(rest) <= ORDERS | {"expect_tx"} else None
    return _change if name in OPERATIONS and set(rest) <= ORDERS else None


def _nothing(c: Context) -> None:
    """What it would wait for, or signal, has happened."""


# --- cp.async -----------------------------------------------------------------------------------------------------


def _copy(c: Context) -> None:
    """[to], [from], size{, bytes to read | predicate that reads none}: what is not read is filled with zeros."""
    to, source, size, *rest = c.instruction.operands
    if not isinstance(size, Integer) or size.value not in (4, 8, 16):
        c.unsupported("a copy of another size than 4, 8 or 16 bytes")
    if "L2::cache_hint" in c.instruction.modifiers:
        rest = rest[:-1]
    read = splat("i32", size.value, LANES)
    if rest and isinstance(rest[0], Register) and rest[0].type == "pred":
        read = c.e.select(c.get(rest[0], "i1", lanes=LANES), "i32", LANES, splat("i32", 0, LANES), read)
    elif rest:
        read = c.get(rest[0], "i32", lanes=LANES)
    shared, global_ = Shape("shared", "b32", 1), Shape("global", "b32", 1)
    target = host_address(c, shared, address_of(c, to, "shared", LANES), LANES)
    c.e.store(WORD, read, warp_field(c, "operand_a"), 8)
    c.e.store(LONG, target, warp_field(c, "operand_b"), 8)
    bits = active_bits(c)
    hand_over(c, global_, address_of(c, source, "global", LANES), LANES, bits)
    from_site, to_site = c.site("global", "load"), c.site("shared", "store")
    call_helper(c, "copy_async", f"i32 {bits}, i32 {size.value}, i32 {from_site}, i32 {to_site}")


# --- mbarrier -----------------------------------------------------------------------------------------------------


def _operate(c: Context, operation: str, target: Operand, a: str, expected: str | None = None) -> None:
    """Call the helper; `a` and `expected` are vectors of i64."""
    space = next((SPACES[m] for m in c.instruction.modifiers if m in SPACES), "generic")
    c.e.store(LONG, a, warp_field(c, "operand_a"), 8)
    c.e.store(LONG, expected or splat("i64", 0, LANES), warp_field(c, "operand_b"), 8)
    bits = active_bits(c)
    hand_over(c, Shape(space, "b64", 1), address_of(c, target, space, LANES), LANES, bits)
    site = c.site(space, "atomic")
    call_helper(c, "mbarrier", f"i32 {bits}, i32 {OPERATIONS[operation]}, i32 {site}")


def _results(c: Context) -> str:
    return c.e.load(LONG, warp_field(c, "scratch"), 8)


def _count(c: Context, operands: list[Operand]) -> str:
    """An optional count: 1 by default."""
    if not operands:
        return splat("i64", 1, LANES)
    return c.e.cast("zext", "i32", LANES, c.get(operands[0], "i32", lanes=LANES), "i64")


def _change(c: Context) -> None:
    """init, inval, expect_tx, complete_tx."""
    target, *rest = c.instruction.operands
    _operate(c, c.instruction.modifiers[0], target, _count(c, rest))


def _arrive(c: Context) -> None:
    """state, [object]{, count}; with .expect_tx the operand is what the phase waits for besides."""
    operands = list(c.instruction.operands)
    state = Sink() if isinstance(operands[0], Address) else operands.pop(0)
    target, *rest = operands
    if "expect_tx" in c.instruction.modifiers:
        _operate(c, c.instruction.modifiers[0], target, splat("i64", 1, LANES), _count(c, rest))
    else:
        _operate(c, c.instruction.modifiers[0], target, _count(c, rest))
    c.put(state, _results(c), "i64", lanes=LANES)


def _arrive_without_increment(c: Context) -> None:
    """cp.async.mbarrier.arrive.noinc counts as one of the expected arrivals; without .noinc it adds what it takes."""
    _operate(c, "arrive", c.instruction.operands[0], splat("i64", 1, LANES))


def _wait(c: Context) -> None:
    """p, [object], state or parity{, hint}: whether that phase is over.

    It never blocks: every program has a loop around it, which lets other warps run.
    """
    p, target, phase, *_ = c.instruction.operands
    if "parity" in c.instruction.modifiers:
        _operate(c, "parity", target, c.e.cast("zext", "i32", LANES, c.get(phase, "i32", lanes=LANES), "i64"))
    else:
        _operate(c, "test", target, c.get(phase, "i64", lanes=LANES))
    c.put(p, c.e.let(f"icmp ne {LONG} {_results(c)}, {splat('i64', 0, LANES)}"), "i1", lanes=LANES)


def _pending_count(c: Context) -> None:
    d, state = c.instruction.operands
    pending = c.e.binary("and", "i64", LANES, c.get(state, "i64", lanes=LANES), splat("i64", 0xFFFFF, LANES))
    c.put(d, c.e.cast("trunc", "i64", LANES, pending, "i32"), "i32", lanes=LANES)
