"""Functions that CUDA provides to kernels: vprintf, __assertfail, malloc and free.

Their arguments and results are `.param` variables of the caller, which lie in its activation; a helper reads them
there, lane by lane.
"""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import LANES, llvm_type
from harness.vgpu.jit.rules.access import active_bits, call_helper
from harness.vgpu.jit.rules.move import local_base
from harness.vgpu.jit.rules.rule import Rule
from harness.vgpu.layout import offset
from harness.vgpu.ptx.program import Group, Instruction, Symbol

SECTION = "CUDA C++ Programming Guide: formatted output, assertions, dynamic global memory allocation"
FUNCTIONS = {name: code for code, name in enumerate(("vprintf", "__assertfail", "malloc", "free"))}


def find(instruction: Instruction) -> Rule | None:
    """The rule of a call that the runtime answers."""
    if instruction.opcode != "call" or not isinstance(instruction.operands[1], Symbol):
        return None
    return Rule(_call, SECTION, "other") if instruction.operands[1].name in FUNCTIONS else None


def writes_output(instruction: Instruction) -> bool:
    """Whether lines appear in an order that a reader sees."""
    return instruction.opcode == "call" and instruction.operands[1] == Symbol("vprintf")


def _call(c: Context) -> None:
    returns, target, passed, *_ = c.instruction.operands
    assert isinstance(returns, Group)
    assert isinstance(target, Symbol)
    assert isinstance(passed, Group)
    names = [o.name for o in (*returns.elements, *passed.elements) if isinstance(o, Symbol)]
    if len(names) != len(returns.elements) + len(passed.elements):
        c.unsupported("arguments that are not .param variables")
    at = c.e.cast("zext", "i32", LANES, c.e.load(llvm_type("i32", LANES), "%at", 64), "i64")
    if all(c.frame.local_owner[name] == c.frame.function.name for name in names):
        at = "zeroinitializer"
    start = c.e.binary("add", "i64", LANES, local_base(c), at)
    c.e.store(llvm_type("i64", LANES), start, c.e.field("%warp", offset("vgpu_warp", "addresses")), 8)
    places = c.e.field("%warp", offset("vgpu_warp", "operand_b"))
    for position, name in enumerate(names):
        c.e.store("i32", str(c.frame.local[name]), c.e.field(places, 4 * position), 4)
    call_helper(c, "runtime", f"i32 {active_bits(c)}, i32 {FUNCTIONS[target.name]}, i32 {c.instruction.line}")
