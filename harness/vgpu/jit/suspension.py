"""Leaving a warp's code and coming back: live registers go to the warp's frame, the state says where to go on."""

from __future__ import annotations

from harness.vgpu.jit.context import Context, storage
from harness.vgpu.jit.emitter import BITS, llvm_type
from harness.vgpu.jit.masks import PCS, Masks
from harness.vgpu.layout import offset
from harness.vgpu.ptx.program import Register

FINISHED, AT_BARRIER, PAUSED, FAULTED = 0, 1, 2, -1  # what a warp's code returns, as in scheduler.c


class Suspension:
    """`resumes` are the states and the labels they lead to; `frame_bytes` is what a warp's frame must hold."""

    def __init__(self, c: Context, masks: Masks, registers: dict[str, Register], calls: bool) -> None:
        self.c, self.e, self.m = c, c.e, masks
        self.registers, self.calls = registers, calls
        self.resumes: list[tuple[int, str]] = []
        self.frame_bytes = 0
        self._slots: dict[str, int] = {}

    def leave_and_return(self, names: list[str]) -> None:
        """Stand at a barrier; what follows runs when the scheduler comes back."""
        state = self.new_state(f"resume.{len(self.resumes) + 1}")
        self.save(names)
        self.leave(state, AT_BARRIER)
        self.e.label(self.resumes[-1][1])
        self.restore(names)

    def new_state(self, label: str) -> int:
        self.resumes.append((len(self.resumes) + 1, label))
        return len(self.resumes)

    def leave(self, state: int, outcome: int) -> None:
        """Return to the scheduler. Behind a barrier nobody waits any more; behind a pause those who did still do."""
        at_barrier = outcome == AT_BARRIER
        self._store("waiting", "0" if at_barrier else self.m.bits(self.m.get("waiting")))
        self._store("parked", self.m.bits(self.m.get("parked")))
        self._store("live", self.m.bits(self.m.get("live")))
        self._store("state", str(state))
        if at_barrier:
            for announced, field in (("announced", "barrier"), ("announced_threads", "barrier_threads")):
                self._store(field, self.e.load("i32", self.e.field("%warp", offset("vgpu_warp", announced)), 4))
        if self.calls:
            at = self.e.load(PCS, "%at", 64)
            self.e.store(PCS, at, self.e.field("%warp", offset("vgpu_warp", "frame_at")), 64)
        self.e.do(f"ret i32 {outcome}")

    def _store(self, field: str, value: str) -> None:
        self.e.store("i32", value, self.e.field("%warp", offset("vgpu_warp", field)), 4)

    def save(self, names: list[str]) -> None:
        for name in names:
            register = self.registers[name]
            place, type_, alignment = self._slot(register)
            value = self.c.read_register(register, self.c.lanes_of(register))
            self.e.store(type_, value, self.e.field("%frame", place), alignment)

    def restore(self, names: list[str]) -> None:
        for name in names:
            register = self.registers[name]
            place, type_, alignment = self._slot(register)
            value = self.e.load(type_, self.e.field("%frame", place), alignment)
            self.e.store(type_, value, self.c.cell(register), 1 if storage(register) == "i1" else alignment)

    def _slot(self, register: Register) -> tuple[int, str, int]:
        """Where a register is saved: offset in the warp's frame, LLVM type, alignment."""
        scalar, lanes = storage(register), self.c.lanes_of(register)
        size = max(8, BITS[scalar] * lanes // 8)
        if register.name not in self._slots:
            alignment = min(64, size)
            self.frame_bytes = -(-self.frame_bytes // alignment) * alignment
            self._slots[register.name] = self.frame_bytes
            self.frame_bytes += size
        return self._slots[register.name], llvm_type(scalar, lanes), 1 if scalar == "i1" else min(64, size)
