"""What a lowering rule works with: operands in, results out, in the lanes that the instruction needs.

`lanes` is 1 where the instruction's sources are the same in all lanes; then the rule computes one scalar. A packed
type such as f16x2 is asked for with `packed=2` and has twice the elements.
"""

from __future__ import annotations

import struct
from typing import NoReturn

from harness.vgpu.errors import UnsupportedPtx
from harness.vgpu.jit import specials
from harness.vgpu.jit.effects import is_lane_dependent, read
from harness.vgpu.jit.emitter import BITS, LANES, Emitter, llvm_type, splat
from harness.vgpu.jit.frame import Access, Frame
from harness.vgpu.ptx.program import Float, Instruction, Integer, Negated, Operand, Register, Sink, Special, type_size

INTEGERS = {1: "i1", 8: "i8", 16: "i16", 32: "i32", 64: "i64", 128: "i128"}


def storage(register: Register) -> str:
    """The LLVM integer that holds a register."""
    return "i1" if register.type == "pred" else INTEGERS[8 * type_size(register.type)]


class Context:
    """One instruction being lowered, inside one function."""

    def __init__(self, emitter: Emitter, frame: Frame, varying: frozenset[str], kept: set[str]) -> None:
        self.e = emitter
        self.frame = frame
        self.kernel = frame.function.name
        self.varying = varying
        self.kept = kept  # registers that live across nodes: masked-off lanes must keep their value
        self.keeps_slots = False  # those registers stay in memory
        self.used: frozenset[str] = frozenset()  # registers that some instruction reads
        self.counts = False  # every access goes through a helper, which counts it
        self.cells: dict[str, str] = {}
        self.instruction: Instruction
        self.lanes = 1
        self.uniform_node = True
        self.in_function = False  # not the kernel's own code: nothing is taken for uniform
        self.mask = ""  # the lanes of the node, as <32 x i1>
        self.guard: str | None = None  # the instruction's guard in `guard_lanes` lanes
        self.guard_lanes = 1

    def prepare(self, instruction: Instruction) -> None:
        """Set lanes and guard for the instruction that is lowered next."""
        self.instruction = instruction
        self.guard, self.guard_lanes = None, 1
        varies = not self.varying.isdisjoint(read(instruction)) or is_lane_dependent(instruction)
        if instruction.guard:
            register = instruction.guard.register
            self.guard_lanes = self.lanes_of(register)
            guard = self.read_register(register, self.guard_lanes)
            if instruction.guard.negated:
                ones = splat("i1", "true", self.guard_lanes)
                guard = self.e.binary("xor", "i1", self.guard_lanes, guard, ones)
            self.guard = guard
        self.lanes = LANES if varies or self.in_function else 1

    def site(self, space: str, access: Access) -> int:
        """The number of the instruction's place among the memory accesses of the kernel."""
        return self.frame.site(self.instruction, space, access)

    # --- registers ---

    def lanes_of(self, register: Register) -> int:
        return LANES if register.name in self.varying else 1

    def cell(self, register: Register) -> str:
        """The stack slot of a register; LLVM turns slots into SSA values, unless something else knows their address."""
        if register.name not in self.cells:
            name = f"r{len(self.cells)}"
            slot = self.e.alloca(name, llvm_type(storage(register), self.lanes_of(register)))
            if self.keeps_slots and register.name in self.kept:
                self.e.hold(slot)
            self.cells[register.name] = slot
        return self.cells[register.name]

    def read_register(self, register: Register, lanes: int) -> str:
        """A register as its storage integer; a scalar is spread where a vector is wanted."""
        own = self.lanes_of(register)
        scalar = storage(register)
        value = self.e.load(llvm_type(scalar, own), self.cell(register), self._align(scalar, own))
        if own == lanes:
            return value
        if own == 1:
            return self.e.broadcast(scalar, value, lanes)
        raise AssertionError(f"{register.name} differs between lanes, a scalar was asked for")

    def write_register(self, register: Register, value: str, lanes: int) -> None:
        """Write in the active lanes."""
        own, scalar = self.lanes_of(register), storage(register)
        if own != lanes:
            assert lanes == 1, f"{register.name} is uniform, but {self.instruction.form} gives a vector"
            value = self.e.broadcast(scalar, value)
        condition = self._write_condition(register, own)
        cell, type_, align = self.cell(register), llvm_type(scalar, own), self._align(scalar, own)
        if condition:
            old = self.e.load(type_, cell, align)
            value = self.e.select(condition, scalar, own, value, old)
        self.e.store(type_, value, cell, align)

    def _write_condition(self, register: Register, lanes: int) -> str | None:
        if self.guard is not None:
            if lanes == 1 or self.guard_lanes == LANES:
                guard = self.guard
            else:
                guard = self.e.broadcast("i1", self.guard)
            if lanes == 1 or self.uniform_node:
                return guard
            return self.e.binary("and", "i1", lanes, guard, self.mask)
        if self.uniform_node or lanes == 1 or register.name not in self.kept:
            return None
        return self.mask

    @staticmethod
    def _align(scalar: str, lanes: int) -> int:
        return max(1, min(64, BITS[scalar] * lanes // 8))

    # --- operands, for rules ---

    def get(self, operand: Operand, scalar: str, packed: int = 1, lanes: int | None = None) -> str:
        """An operand as `lanes * packed` values of an LLVM scalar type.

        A register that is wider than the type gives its low bits.
        """
        lanes = lanes or self.lanes
        match operand:
            case Register():
                return self._convert(self.read_register(operand, lanes), storage(operand), scalar, packed, lanes)
            case Negated(register):
                value = self.read_register(register, lanes)
                return self.e.binary("xor", "i1", lanes, value, splat("i1", "true", lanes))
            case Integer(value):
                return self._literal(value, scalar, packed, lanes)
            case Float(bits, width):
                return self._float_literal(bits, width, scalar, packed, lanes)
            case Special(name):
                return self._special(name, scalar, lanes)
            case _:
                return self.unsupported(f"operand {operand}")

    def put(self, operand: Operand, value: str, scalar: str, packed: int = 1, lanes: int | None = None) -> None:
        """Write a result; a narrower integer than the register is not extended here: the rule says how."""
        lanes = lanes or self.lanes
        if isinstance(operand, Sink):
            return
        if not isinstance(operand, Register):
            self.unsupported(f"destination {operand}")
        target = storage(operand)
        if BITS[scalar] * packed != BITS[target]:
            self.unsupported(f"a result of {BITS[scalar] * packed} bits for {operand.name} of type {operand.type}")
        stored = self.e.bitcast(llvm_type(scalar, lanes * packed), value, llvm_type(target, lanes))
        self.write_register(operand, stored, lanes)

    def put_extended(self, operand: Operand, value: str, scalar: str, signed: bool, lanes: int | None = None) -> None:
        """Write an integer into a register that may be wider."""
        lanes = lanes or self.lanes
        if isinstance(operand, Register) and BITS[storage(operand)] > BITS[scalar]:
            value = self.e.cast("sext" if signed else "zext", scalar, lanes, value, storage(operand))
            scalar = storage(operand)
        self.put(operand, value, scalar, lanes=lanes)

    def _convert(self, value: str, have: str, scalar: str, packed: int, lanes: int) -> str:
        wanted = BITS[scalar] * packed
        if BITS[have] < wanted:
            return self.unsupported(f"a register of {BITS[have]} bits where {wanted} are read")
        if BITS[have] > wanted:
            value = self.e.cast("trunc", have, lanes, value, INTEGERS[wanted])
            have = INTEGERS[wanted]
        return self.e.bitcast(llvm_type(have, lanes), value, llvm_type(scalar, lanes * packed))

    def _literal(self, value: int, scalar: str, packed: int, lanes: int) -> str:
        bits = BITS[scalar] * packed
        if scalar == "i1":
            return splat("i1", "true" if value else "false", lanes)
        pattern = value & (1 << bits) - 1
        integer = INTEGERS[bits]
        constant = splat(integer, pattern, lanes)
        return self.e.bitcast(llvm_type(integer, lanes), constant, llvm_type(scalar, lanes * packed))

    def _float_literal(self, bits: int, width: int, scalar: str, packed: int, lanes: int) -> str:
        if (scalar, width) == ("float", 64):  # a decimal or 0d literal in an FP32 instruction is rounded
            value = struct.unpack("<d", struct.pack("<Q", bits))[0]
            bits, width = struct.unpack("<I", struct.pack("<f", value))[0], 32
        if width != BITS[scalar] * packed:
            return self.unsupported(f"a {width}-bit literal where {BITS[scalar] * packed} bits are read")
        return self._literal(bits, scalar, packed, lanes)

    def _special(self, name: str, scalar: str, lanes: int) -> str:
        found = specials.read(self.e, name, lanes)
        if found is None:
            return self.unsupported(f"the special register {name}")
        value, have = found
        if BITS[have] < BITS[scalar]:
            return self.e.cast("zext", have, lanes, value, scalar)
        return self._convert(value, have, scalar, 1, lanes)

    # --- errors ---

    def unsupported(self, what: str) -> NoReturn:
        """Raise UnsupportedPtx that names the instruction, its line and its kernel."""
        i = self.instruction
        where = f" ({i.source.file}:{i.source.line})" if i.source else ""
        raise UnsupportedPtx(f"kernel {self.kernel}, PTX line {i.line}{where}: {i.form}: the vgpu does not run {what}")
