"""Special registers (PTX ISA: Special Registers): where their values come from.

Constant over a launch or a block: from the launch or the warp. Different in each lane: from the warp's vectors, or
constants. What is not in these tables is not guessed.
"""

from __future__ import annotations

from harness.vgpu.jit.emitter import LANES, Emitter, constant_vector, llvm_type
from harness.vgpu.run.native import offset

_LAUNCH = {
    **{f"%ntid.{axis}": offset("vgpu_launch", "block") + 4 * i for i, axis in enumerate("xyz")},
    **{f"%nctaid.{axis}": offset("vgpu_launch", "grid") + 4 * i for i, axis in enumerate("xyz")},
    "%nwarpid": offset("vgpu_launch", "warps"),
    "%dynamic_smem_size": offset("vgpu_launch", "dynamic_shared_bytes"),
}
_WARP = {
    **{f"%ctaid.{axis}": offset("vgpu_warp", "ctaid") + 4 * i for i, axis in enumerate("xyz")},
    "%warpid": offset("vgpu_warp", "index"),
}
_LANES = {f"%tid.{axis}": offset("vgpu_warp", f"tid_{axis}") for axis in "xyz"}
_CONSTANT_LANES = {
    "%laneid": list(range(LANES)),
    "%lanemask_eq": [1 << i for i in range(LANES)],
    "%lanemask_lt": [(1 << i) - 1 for i in range(LANES)],
    "%lanemask_le": [(2 << i) - 1 for i in range(LANES)],
    "%lanemask_gt": [0xFFFFFFFF & ~((2 << i) - 1) for i in range(LANES)],
    "%lanemask_ge": [0xFFFFFFFF & ~((1 << i) - 1) for i in range(LANES)],
}


def read(e: Emitter, name: str, lanes: int) -> str | None:
    """The 32-bit value of a special register in 1 or 32 lanes; None where the vgpu has no such register."""
    if name in _CONSTANT_LANES:
        return constant_vector("i32", _CONSTANT_LANES[name])
    if name in _LANES:
        return e.load(llvm_type("i32", LANES), e.field("%warp", _LANES[name]), 64)
    if name in _LAUNCH:
        value = e.load("i32", e.field("%launch", _LAUNCH[name]), 4)
    elif name in _WARP:
        value = e.load("i32", e.field("%warp", _WARP[name]), 4)
    else:
        return None
    return value if lanes == 1 else e.broadcast("i32", value, lanes)
