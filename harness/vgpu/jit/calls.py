"""Calls of device functions: every lane has a stack of activations in its local memory.

A call copies its arguments to where the callee expects them behind the caller's activation, writes down where to go
on, and moves the lane's frame; `ret` undoes it. Lanes may be in different functions, or at different depths. A
function that may be active twice saves the registers that it needs after the call in its own activation.
"""

from __future__ import annotations

from harness.vgpu.jit import faults
from harness.vgpu.jit.context import Context, storage
from harness.vgpu.jit.emitter import BITS, LANES, constant_vector, llvm_type, splat
from harness.vgpu.jit.frame import HEADER_BYTES, agreed_offsets, function_address, round_up
from harness.vgpu.jit.nodes import Graph, Node, arguments
from harness.vgpu.layout import offset
from harness.vgpu.ptx.program import Function, Register, Symbol

OFFSETS = llvm_type("i32", LANES)
RECURSION_BYTES = 1 << 15  # of stack for each thread where functions are recursive


class Calls:
    """What lowering asks when it meets a call, the node behind one, or a return."""

    def __init__(
        self, c: Context, graph: Graph, position: tuple[int, ...], live: list[set[str]],
        registers: dict[str, Register], recursive: frozenset[str],
    ) -> None:  # fmt: skip
        self.c, self.e, self.graph, self.position = c, c.e, graph, position
        self.recursive = recursive
        self.continuations = {n.successors[0]: n for n in graph.nodes if n.is_call}
        self.functions = {node.function.name: node.function for node in graph.nodes}
        self.saved: dict[int, list[tuple[Register, int]]] = {}
        for index, call in self.continuations.items():
            if call.function.name in recursive:
                mine = [registers[name] for name in sorted(live[index]) if name.startswith(call.function.name + "!")]
                self.saved[index] = [(r, c.frame.extend_activation(call.function, 16)) for r in mine]

    def local_bytes(self) -> int:
        """Local memory of one thread: the deepest chain of activations, with room for recursion."""
        frame = self.c.frame
        total = sum(frame.activation.values()) + (RECURSION_BYTES if self.recursive else 0)
        return round_up(total, 16)

    # --- call ---

    def enter(self, node: Node) -> int | str:
        """Prepare the callee's activation. Returns its first node, or each lane's position for an indirect call."""
        assert node.last is not None
        target = node.last.operands[1]
        frame, caller = self.c.frame, node.function
        following = node.successors[0]
        size = frame.activation[caller.name]
        callee = self._signature(node, target)
        _, passed = arguments(node.last)
        places = agreed_offsets(callee)[0][len(callee.returns) :]
        for variable, operand, place in zip(callee.parameters, passed.elements, places, strict=True):
            if not isinstance(operand, Symbol):
                self.c.unsupported("an argument that is not a .param variable")
            self._copy(size + place, frame.local[operand.name], variable.size)
        self._check_room(size)
        for register, place in self.saved.get(following, []):
            self._save(register, place)
        self._write_header(size, self.position[following])
        self._move(size, self.c.mask)
        if isinstance(target, Symbol):
            return self.graph.entry[target.name]
        return self._positions(target)

    def _signature(self, node: Node, target: object) -> Function:
        """The callee itself, or the prototype that an indirect call names."""
        assert node.last is not None
        if isinstance(target, Symbol):
            return self.functions[target.name]
        prototype = node.last.operands[3] if len(node.last.operands) > 3 else None
        known = node.function.call_prototypes
        if not isinstance(prototype, Symbol) or prototype.name not in known:
            self.c.unsupported("an indirect call without a prototype")
        return known[prototype.name]

    def _positions(self, target: object) -> str:
        """Where each lane goes in an indirect call; a pointer to no function is a trap."""
        address = self.c.get(target, "i64", lanes=LANES)  # type: ignore[arg-type]
        result = splat("i32", 0xFFFFFFFF, LANES)
        known = splat("i1", "false", LANES)
        for name, entry in self.graph.entry.items():
            if self.functions[name].is_kernel:
                continue
            own = splat("i64", function_address(self.c.frame.module, name), LANES)
            here = self.e.let(f"icmp eq {llvm_type('i64', LANES)} {address}, {own}")
            result = self.e.select(here, "i32", LANES, splat("i32", self.position[entry], LANES), result)
            known = self.e.binary("or", "i1", LANES, known, here)
        unknown = self.e.binary("xor", "i1", LANES, known, splat("i1", "true", LANES))
        faults.fault_if(self.c, self.e.binary("and", "i1", LANES, unknown, self.c.mask), faults.TRAP)
        return result

    def _check_room(self, size: int) -> None:
        if not self.recursive:
            return
        limit = self.local_bytes() - size - max(self.c.frame.activation.values())
        at = self.e.load(OFFSETS, "%at", 64)
        full = self.e.let(f"icmp ugt {OFFSETS} {at}, {splat('i32', max(limit, 0), LANES)}")
        faults.fault_if(self.c, self.e.binary("and", "i1", LANES, full, self.c.mask), faults.STACK)

    # --- behind a call ---

    def take_results(self, node: Node) -> None:
        """At the start of the node behind a call: results to the caller's variables, saved registers back."""
        call = self.continuations[node.index]
        assert call.last is not None
        self.c.instruction, self.c.guard = call.last, None
        callee = self._signature(call, call.last.operands[1])
        returns, _ = arguments(call.last)
        size = self.c.frame.activation[call.function.name]
        offsets, _ = agreed_offsets(callee)
        for variable, operand, place in zip(callee.returns, returns.elements, offsets, strict=False):
            if not isinstance(operand, Symbol):
                self.c.unsupported("a result that is not a .param variable")
            self._copy(self.c.frame.local[operand.name], size + place, variable.size)
        for register, place in self.saved.get(node.index, []):
            self._restore(register, place)

    # --- ret ---

    def leave(self, mask: str) -> str:
        """Give the activation back; returns where each lane goes on."""
        header = self._read_local(0, "i64", mask)
        at = self.e.load(OFFSETS, "%at", 64)
        upper = self.e.binary("lshr", "i64", LANES, header, splat("i64", 32, LANES))
        back = self.e.cast("trunc", "i64", LANES, upper, "i32")
        moved = self.e.binary("sub", "i32", LANES, at, back)
        self.e.store(OFFSETS, self.e.select(mask, "i32", LANES, moved, at), "%at", 64)
        return self.e.cast("trunc", "i64", LANES, header, "i32")

    # --- the stack ---

    def _move(self, size: int, mask: str) -> None:
        at = self.e.load(OFFSETS, "%at", 64)
        moved = self.e.binary("add", "i32", LANES, at, splat("i32", size, LANES))
        self.e.store(OFFSETS, self.e.select(mask, "i32", LANES, moved, at), "%at", 64)

    def _write_header(self, size: int, position: int) -> None:
        assert HEADER_BYTES == 8
        self._write_local(size, splat("i64", position | size << 32, LANES), "i64", self.c.mask)

    def _hand_over_addresses(self, place: int) -> None:
        """Host addresses of a byte of each lane's activation, for the helpers."""
        start = self.e.load("i64", self.e.field("%warp", offset("vgpu_warp", "local")), 8)
        steps = self.e.load("i32", self.e.field("%launch", offset("vgpu_launch", "local_bytes")), 4)
        lane = constant_vector("i32", list(range(LANES)))
        own = self.e.binary("mul", "i32", LANES, lane, self.e.broadcast("i32", steps))
        inside = self.e.binary("add", "i32", LANES, self.e.load(OFFSETS, "%at", 64), splat("i32", place, LANES))
        within = self.e.cast("zext", "i32", LANES, self.e.binary("add", "i32", LANES, own, inside), "i64")
        address = self.e.binary("add", "i64", LANES, within, self.e.broadcast("i64", start))
        self.e.store(llvm_type("i64", LANES), address, self.e.field("%warp", offset("vgpu_warp", "addresses")), 8)

    def _helper(self, name: str, arguments_: str) -> str:
        helpers = self.e.load("ptr", self.e.field("%launch", offset("vgpu_launch", "helpers")), 8)
        function = self.e.load("ptr", self.e.field(helpers, offset("vgpu_helpers", name)), 8)
        return self.e.let(f"call i32 {function}(ptr %warp, {arguments_})")

    def _checked_helper(self, name: str, arguments_: str) -> None:
        failed = self.e.let(f"icmp ne i32 {self._helper(name, arguments_)}, 0")
        go_on = self.e.name("ok")
        self.e.do(f"br i1 {failed}, label %fault, label %{go_on}, !prof !0")
        self.e.label(go_on)

    def _copy(self, to: int, source: int, size: int) -> None:
        """Between two places of the current activation, or just behind it, in the active lanes."""
        self._hand_over_addresses(0)
        bits = self.e.bitcast("<32 x i1>", self.c.mask, "i32")
        self._checked_helper("copy", f"i32 {bits}, i32 {to}, i32 {source}, i32 {size}")

    def _write_local(self, place: int, value: str, scalar: str, mask: str) -> None:
        self._hand_over_addresses(place)
        self.e.store(llvm_type(scalar, LANES), value, self.e.field("%warp", offset("vgpu_warp", "scratch")), 8)
        bits = self.e.bitcast("<32 x i1>", mask, "i32")
        site = self.c.site("local", "internal")
        self._checked_helper("store", f"i32 {bits}, i32 {BITS[scalar] // 8}, i32 {site}")

    def _read_local(self, place: int, scalar: str, mask: str) -> str:
        self._hand_over_addresses(place)
        bits = self.e.bitcast("<32 x i1>", mask, "i32")
        site = self.c.site("local", "internal")
        self._checked_helper("load", f"i32 {bits}, i32 {BITS[scalar] // 8}, i32 {site}")
        return self.e.load(llvm_type(scalar, LANES), self.e.field("%warp", offset("vgpu_warp", "scratch")), 8)

    def _save(self, register: Register, place: int) -> None:
        value, scalar = self._vector(register)
        self._write_local(place, value, scalar, self.c.mask)

    def _restore(self, register: Register, place: int) -> None:
        _, scalar = storage(register), "i8" if storage(register) == "i1" else storage(register)
        value = self._read_local(place, scalar, self.c.mask)
        if storage(register) == "i1":
            value = self.e.cast("trunc", "i8", LANES, value, "i1")
        self.c.write_register(register, value, LANES)

    def _vector(self, register: Register) -> tuple[str, str]:
        value, scalar = self.c.read_register(register, LANES), storage(register)
        if scalar == "i1":
            return self.e.cast("zext", "i1", LANES, value, "i8"), "i8"
        return value, scalar
