"""Sets of lanes while a warp runs: who is live, who is active, who waits, and where lanes that are apart go on.

Each set is a stack slot of the function, which LLVM turns into SSA values. `live`: lanes that have not exited;
`mask`: lanes of the current node; `waiting`: lanes at a block-wide barrier; `parked`: lanes at a warp-level meeting.
"""

from __future__ import annotations

from harness.vgpu.jit.emitter import LANES, Emitter, llvm_type, splat

MASK, PCS, GONE = llvm_type("i1", LANES), llvm_type("i32", LANES), 0xFFFFFFFF


class Masks:
    """Reads and writes of those sets; `position` gives each node's place in the order of nodes."""

    def __init__(self, e: Emitter, position: tuple[int, ...]) -> None:
        self.e, self.position = e, position
        self.used_dispatch = False

    def get(self, name: str) -> str:
        return self.e.load(MASK, f"%{name}", 4)

    def set(self, name: str, value: str) -> None:
        self.e.store(MASK, value, f"%{name}", 4)

    def bits(self, mask: str) -> str:
        return self.e.bitcast(MASK, mask, "i32")

    def and_not(self, a: str, b: str) -> str:
        return self.e.binary("and", "i1", LANES, a, self.e.binary("xor", "i1", LANES, b, splat("i1", "true", LANES)))

    def set_pcs(self, mask: str, pc: str) -> None:
        """Write down where the lanes of `mask` go on."""
        old = self.e.load(PCS, "%pc", 64)
        self.e.store(PCS, self.e.select(mask, "i32", LANES, pc, old), "%pc", 64)

    def pc(self, index: int) -> str:
        return splat("i32", self.position[index], LANES)

    def dispatch(self) -> None:
        """Let the dispatch choose who runs next."""
        self.used_dispatch = True
        self.e.do("br label %dispatch")
