"""Special registers (PTX ISA: Special Registers): where their values come from.

Constant over a launch or a block: from the launch or the warp. Different in each lane: from the warp's vectors, or
constants. Clocks count how often the warp has read one, so that runs repeat and waiting loops end: a read is 32 cycles
and 1024 ns after the one before, and a warp's first read of its block is at 32 and 1024. There is one multiprocessor,
every block is a cluster of its own, and performance monitors stand at 0. Reserved shared memory is the block's first,
halved between its two uses (cooperative_groups/details/memory.h counts on 288 bytes at the second). What is not in
these tables is not guessed.
"""

from __future__ import annotations

from harness.vgpu.jit.emitter import LANES, Emitter, constant_vector, llvm_type
from harness.vgpu.jit.frame import RESERVED_SHARED_BYTES
from harness.vgpu.layout import offset

_LAUNCH = {
    **{f"%ntid.{axis}": offset("vgpu_launch", "block") + 4 * i for i, axis in enumerate("xyz")},
    **{f"%nctaid.{axis}": offset("vgpu_launch", "grid") + 4 * i for i, axis in enumerate("xyz")},
    **{f"%nclusterid.{axis}": offset("vgpu_launch", "grid") + 4 * i for i, axis in enumerate("xyz")},
    "%nwarpid": offset("vgpu_launch", "warps"),
    "%dynamic_smem_size": offset("vgpu_launch", "dynamic_shared_bytes"),
    "%total_smem_size": offset("vgpu_launch", "shared_bytes"),
    "%aggr_smem_size": offset("vgpu_launch", "shared_bytes"),
    # cooperative_groups/details/driver_abi.h: the high and the low half of the grid's workspace
    "%envreg1": offset("vgpu_launch", "workspace") + 4,
    "%envreg2": offset("vgpu_launch", "workspace"),
}
_WARP = {
    **{f"%ctaid.{axis}": offset("vgpu_warp", "ctaid") + 4 * i for i, axis in enumerate("xyz")},
    **{f"%clusterid.{axis}": offset("vgpu_warp", "ctaid") + 4 * i for i, axis in enumerate("xyz")},
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
_CONSTANT = {
    "%smid": 0, "%nsmid": 1, "%gridid": 1, "%is_explicit_cluster": 0, "%cluster_ctarank": 0, "%cluster_nctarank": 1,
    **{f"%cluster_ctaid.{axis}": 0 for axis in "xyz"}, **{f"%cluster_nctaid.{axis}": 1 for axis in "xyz"},
    **{f"%pm{i}": 0 for i in range(8)}, **{f"%pm{i}_64": 0 for i in range(8)},
    **{f"%envreg{i}": 0 for i in range(32) if i not in (1, 2)}, "%current_graph_exec": 0,
    "%reserved_smem_offset_begin": 0, "%reserved_smem_offset_0": 0,
    "%reserved_smem_offset_1": RESERVED_SHARED_BYTES // 2,
    **{f"%reserved_smem_offset_{end}": RESERVED_SHARED_BYTES for end in ("end", "cap")},
}  # fmt: skip
# units that one read is later than the one before, and by how many bits the value is shifted down
_CLOCKS = {
    "%clock": (32, 0), "%clock64": (32, 0), "%clock_hi": (32, 32),
    "%globaltimer": (1024, 0), "%globaltimer_lo": (1024, 0), "%globaltimer_hi": (1024, 32),
}  # fmt: skip


def read(e: Emitter, name: str, lanes: int) -> tuple[str, str] | None:
    """The value in 1 or 32 lanes and its scalar type; None where the vgpu has no such register."""
    if name in _CONSTANT_LANES:
        return constant_vector("i32", _CONSTANT_LANES[name]), "i32"
    if name in _LANES:
        return e.load(llvm_type("i32", LANES), e.field("%warp", _LANES[name]), 64), "i32"
    if name in _CONSTANT:
        value, scalar = str(_CONSTANT[name]), "i32"
    elif name in _CLOCKS:
        value, scalar = _clock(e, *_CLOCKS[name]), "i64"
    elif name in _LAUNCH:
        value, scalar = e.load("i32", e.field("%launch", _LAUNCH[name]), 4), "i32"
    elif name in _WARP:
        value, scalar = e.load("i32", e.field("%warp", _WARP[name]), 4), "i32"
    else:
        return None
    return (value if lanes == 1 else e.broadcast(scalar, value, lanes)), scalar


def _clock(e: Emitter, step: int, shift: int) -> str:
    place = e.field("%warp", offset("vgpu_warp", "clock_reads"))
    reads = e.binary("add", "i64", 1, e.load("i64", place, 8), "1")
    e.store("i64", reads, place, 8)
    value = e.binary("mul", "i64", 1, reads, str(step))
    return e.binary("lshr", "i64", 1, value, str(shift)) if shift else value
