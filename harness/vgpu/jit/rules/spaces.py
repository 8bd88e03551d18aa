"""isspacep: whether a generic address lies in the window of a space (PTX ISA: Data Movement and Conversion
Instructions: isspacep; State Spaces).

A generic address is global unless it falls into the window of const, local or shared memory; kernel parameters are
part of the global window.
"""

from __future__ import annotations

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import LANES, llvm_type, splat
from harness.vgpu.jit.rules.move import symbol_address
from harness.vgpu.jit.rules.rule import Lower, Rule, RuleTable
from harness.vgpu.layout import offset
from harness.vgpu.ptx.program import Symbol

SECTION = "Data Movement and Conversion Instructions: isspacep"
PARAMETER_BUFFER = 32768  # what parameter_window in run/memory.c allows
SAME = {"shared::cta": "shared", "shared::cluster": "shared", "param::entry": "param"}


def _within(c: Context, value: str, start: str, size: str) -> str:
    wide_start, wide_size = (v if c.lanes == 1 else c.e.broadcast("i64", v) for v in (start, size))
    distance = c.e.binary("sub", "i64", c.lanes, value, wide_start)
    return c.e.let(f"icmp ult {llvm_type('i64', c.lanes)} {distance}, {wide_size}")


def _launched(c: Context, field: str) -> str:
    """A number of bytes that the launch knows."""
    return c.e.cast("zext", "i32", 1, c.e.load("i32", c.e.field("%launch", offset("vgpu_launch", field)), 4), "i64")


def _in_shared(c: Context, value: str) -> str:
    start = c.e.load("i64", c.e.field("%warp", offset("vgpu_warp", "shared")), 8)
    return _within(c, value, start, _launched(c, "shared_bytes"))


def _in_local(c: Context, value: str) -> str:
    """In any lane's part of the warp's local memory."""
    start = c.e.load("i64", c.e.field("%warp", offset("vgpu_warp", "local")), 8)
    return _within(c, value, start, c.e.binary("mul", "i64", 1, _launched(c, "local_bytes"), str(LANES)))


def _in_const(c: Context, value: str) -> str:
    found = splat("i1", "false", c.lanes)
    for variable in c.frame.module.variables.values():
        if variable.space == "const":
            inside = _within(c, value, symbol_address(c, Symbol(variable.name), 1), str(variable.size))
            found = c.e.binary("or", "i1", c.lanes, found, inside)
    return found


def _in_parameters(c: Context, value: str) -> str:
    start = c.e.load("i64", c.e.field("%launch", offset("vgpu_launch", "parameters")), 8)
    return _within(c, value, start, str(PARAMETER_BUFFER))


def _in_global(c: Context, value: str) -> str:
    elsewhere = splat("i1", "false", c.lanes)
    for window in (_in_shared, _in_local, _in_const):
        elsewhere = c.e.binary("or", "i1", c.lanes, elsewhere, window(c, value))
    return c.e.binary("xor", "i1", c.lanes, elsewhere, splat("i1", "true", c.lanes))


WINDOWS = {"global": _in_global, "shared": _in_shared, "local": _in_local, "const": _in_const, "param": _in_parameters}


def _isspacep(space: str) -> Lower:
    window = WINDOWS[SAME.get(space, space)]

    def lower(c: Context) -> None:
        p, a = c.instruction.operands
        c.put(p, window(c, c.get(a, "i64")), "i1")

    return lower


RULES: RuleTable = {f"isspacep.{space}": Rule(_isspacep(space), SECTION, "int") for space in (*WINDOWS, *SAME)}
