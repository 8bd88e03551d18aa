"""A kernel to LLVM IR: `int32 warp(vgpu_warp *)` runs one warp to its next barrier, its end, a pause, or a fault.

Every lane has a program counter, but it is only kept while lanes are apart. Together they jump straight; apart,
each group writes down where it goes, and the dispatch runs the group that waits at the lowest position.

Lanes that reach an instruction which waits for other lanes of the warp (shfl.sync, …) before those do are parked.
Where loops may wait for other threads, every jump back goes through the dispatch, which now and then runs the lanes
at the highest position instead, and returns to the scheduler so that other warps and blocks get their turn.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from harness.vgpu.errors import UnsupportedPtx
from harness.vgpu.jit import constants, divergence, linking, liveness, nodes, rules
from harness.vgpu.jit.calls import Calls
from harness.vgpu.jit.context import Context, storage
from harness.vgpu.jit.divergence import Divergence
from harness.vgpu.jit.effects import is_lane_dependent, read
from harness.vgpu.jit.emitter import BITS, LANES, Emitter, llvm_type, splat
from harness.vgpu.jit.frame import Frame, Site, Target
from harness.vgpu.jit.nodes import Graph, Node
from harness.vgpu.ptx.program import Function, Integer, Module, Register
from harness.vgpu.run.native import offset

MASK, PCS, GONE = llvm_type("i1", LANES), llvm_type("i32", LANES), 0xFFFFFFFF
TRAP_KIND = 4  # FAULT_TRAP in run/fault.h
FINISHED, AT_BARRIER, PAUSED, FAULTED = 0, 1, 2, -1
TURNS = 128  # dispatches between two pauses of a warp that may wait for others


@dataclass(frozen=True, slots=True)
class Lowered:
    """LLVM IR of one kernel and what its launch must provide."""

    ir: str
    frame: Frame
    frame_bytes: int  # saved registers of a warp at a barrier
    local_bytes: int  # of one thread, with room for recursion
    sites: tuple[Site, ...]
    mix: tuple[dict[str, int], ...]  # per node: instructions by class
    spins: bool  # threads may wait for each other in loops
    in_order: bool  # output or floating-point atomics: one worker, so that the result is always the same


def lower(module: Module, function: Function, target: Target) -> Lowered:
    """Raises UnsupportedPtx for an instruction without a rule."""
    return _Lowering(module, function, target).run()


def _graph(kernel: Function, functions: list[Function]) -> tuple[Graph, Divergence]:
    """Nodes that wait for other lanes begin one where lanes can be apart; elsewhere they need not wait."""
    graph = constants.propagate(nodes.build(kernel, functions))
    found = divergence.analyse(graph)
    waiting = frozenset(
        id(instruction)
        for node in graph.nodes
        if node.index not in found.uniform_nodes
        for instruction in node.body
        if nodes.waits_for_lanes(instruction)
    )
    if waiting:
        graph = nodes.split(graph, waiting)
        found = divergence.analyse(graph)
    return graph, found


class _Lowering:
    def __init__(self, module: Module, function: Function, target: Target) -> None:
        callees = linking.reachable(module, function)
        self.function = linking.localise(function)
        self.functions = [linking.localise(f) for f in callees]
        self.frame = Frame(self.function, module, target, self.functions)
        self.graph, self.divergence = _graph(self.function, self.functions)
        self.nodes = self.graph.nodes
        self.live = liveness.live_in(list(self.nodes))
        self.registers = {r.name: r for f in (self.function, *self.functions) for r in f.registers}
        self.e = Emitter()
        self.kept = set().union(*self.live) if self.live else set()
        self.c = Context(self.e, self.frame, self.divergence.varying, self.kept)
        recursive = linking.recursive(callees, module)
        self.calls = Calls(self.c, self.graph, self.divergence.position, self.live, self.registers, recursive)
        self.slots: dict[str, int] = {}
        self.frame_bytes = 0
        self.resumes: list[tuple[int, str]] = []
        self.needs_dispatch = False

    def run(self) -> Lowered:
        for node in sorted(self.nodes, key=lambda n: self.divergence.position[n.index]):
            self._node(node)
        mix = [self._mix(node) for node in self.nodes]
        if self.needs_dispatch:
            self._dispatch()
        self.e.label("fault")
        self.e.do(f"ret i32 {FAULTED}")
        local_bytes = self.calls.local_bytes()
        in_order = any(rules.fixes_order(i) for node in self.nodes for i in node.body)
        return Lowered(self._text(), self.frame, self.frame_bytes, local_bytes, tuple(self.frame.sites), tuple(mix),
                       self.divergence.spins, in_order)  # fmt: skip

    # --- the frame of the function ---

    def _text(self) -> str:
        body = self.e.lines
        self.e.lines = []
        self._entry()
        declarations = "\n".join(self.e.declarations.values())
        allocas = "\n".join(self.e.allocas)
        return (
            f"{declarations}\n\ndefine i32 @warp(ptr noalias %warp) {{\nentry:\n{allocas}\n"
            + "\n".join([*self.e.lines, *body])
            + '\n}\n\n!0 = !{!"branch_weights", i32 1, i32 1000}\n!1 = !{!"branch_weights", i32 1000, i32 1}\n'
        )

    def _entry(self) -> None:
        for name, type_ in (("live", MASK), ("mask", MASK), ("waiting", MASK), ("parked", MASK), ("pc", PCS),
                            ("at", PCS), ("turn", "i32"), ("forced", "i1")):  # fmt: skip
            self.e.alloca(name, type_)
        for name, field, type_ in (("launch", "launch", "ptr"), ("executed", "executed", "ptr"),
                                   ("frame", "frame", "ptr"), ("state", "state", "i32")):  # fmt: skip
            address = self.e.field("%warp", offset("vgpu_warp", field))
            self.e.do(f"%{name} = load {type_}, ptr {address}, align 4")
        bits = self.e.load("i32", self.e.field("%warp", offset("vgpu_warp", "live")), 4)
        live = self.e.bitcast("i32", bits, MASK)
        self._set("live", live)
        self._set("mask", live)
        for name in ("waiting", "parked"):
            kept = self.e.load("i32", self.e.field("%warp", offset("vgpu_warp", name)), 4)
            self._set(name, self.e.bitcast("i32", kept, MASK))
        at = self.e.load(PCS, self.e.field("%warp", offset("vgpu_warp", "frame_at")), 64)
        self.e.store(PCS, at, "%at", 64)
        self.e.store("i32", "0", "%turn", 4)
        self.e.store("i1", "false", "%forced", 1)
        self.e.do(f"%pcs = load {PCS}, ptr {self.e.field('%warp', offset('vgpu_warp', 'pc'))}, align 64")
        self.e.do(f"store {PCS} %pcs, ptr %pc, align 64")
        cases = " ".join(f"i32 {state}, label %{label}" for state, label in self.resumes)
        self.e.do(f"switch i32 %state, label %n0 [ {cases} ]")

    # --- masks ---

    def _get(self, name: str) -> str:
        return self.e.load(MASK, f"%{name}", 4)

    def _set(self, name: str, value: str) -> None:
        self.e.store(MASK, value, f"%{name}", 4)

    def _bits(self, mask: str) -> str:
        return self.e.bitcast(MASK, mask, "i32")

    def _and_not(self, a: str, b: str) -> str:
        return self.e.binary("and", "i1", LANES, a, self.e.binary("xor", "i1", LANES, b, splat("i1", "true", LANES)))

    def _set_pcs(self, mask: str, pc: str) -> None:
        """Write down where the lanes of `mask` go on."""
        old = self.e.load(PCS, "%pc", 64)
        self.e.store(PCS, self.e.select(mask, "i32", LANES, pc, old), "%pc", 64)

    def _pc(self, index: int) -> str:
        return splat("i32", self.divergence.position[index], LANES)

    # --- nodes ---

    def _node(self, node: Node) -> None:
        self.e.label(f"n{node.index}")
        self.in_function = not node.function.is_kernel
        self.c.uniform_node = node.index in self.divergence.uniform_nodes
        self.c.mask = self._get("live" if self.c.uniform_node else "mask")
        counter = self.e.field("%executed", 8 * node.index)
        self.e.store("i64", self.e.binary("add", "i64", 1, self.e.load("i64", counter, 8), "1"), counter, 8)
        if node.meets:
            self._meet(node)
        if node.index in self.calls.continuations:
            self.calls.take_results(node)
        for instruction in node.body:
            self._instruction(instruction)
        if node.is_barrier:
            self._barrier(node)
        elif node.is_call:
            self._call(node)
        elif node.last is None:
            self._goto(node, self.c.mask, node.successors[0] if node.successors else None)
        elif node.last.opcode == "bra":
            self._branch(node)
        elif node.last.opcode == "ret" and not node.function.is_kernel:
            self._return(node)
        elif node.last.opcode in ("ret", "exit"):
            self._leave(node)
        elif node.last.opcode == "trap":
            self._trap(node)
        elif node.last.opcode == "brx":
            self._switch(node)
        else:
            self._unsupported(node.last)

    def _prepare(self, instruction) -> None:  # noqa: ANN001 - Instruction
        """Lanes and guard of the instruction that is lowered next."""
        c = self.c
        c.instruction = instruction
        c.guard, c.guard_lanes = None, 1
        varies = not self.divergence.varying.isdisjoint(read(instruction)) or is_lane_dependent(instruction)
        varies |= self.in_function
        if instruction.guard:
            register = instruction.guard.register
            c.guard_lanes = c.lanes_of(register)
            guard = c.read_register(register, c.guard_lanes)
            if instruction.guard.negated:
                guard = self.e.binary("xor", "i1", c.guard_lanes, guard, splat("i1", "true", c.guard_lanes))
            c.guard = guard
        c.lanes = LANES if varies else 1

    def _instruction(self, instruction) -> None:  # noqa: ANN001 - Instruction
        rule = rules.find(instruction)
        if rule is None:
            self._unsupported(instruction)
        self._prepare(instruction)
        rule.lower(self.c)

    def _unsupported(self, instruction):  # noqa: ANN001, ANN202 - NoReturn
        where = f" ({instruction.source.file}:{instruction.source.line})" if instruction.source else ""
        raise UnsupportedPtx(
            f"kernel {self.function.name}, PTX line {instruction.line}{where}: "
            f"the vgpu does not run the instruction {instruction.form}"
        )

    def _mix(self, node: Node) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for instruction in node.body:
            rule = rules.find(instruction)
            counts[rule.kind if rule else "other"] += 1
        if node.last is not None:
            counts["barrier" if node.is_barrier else "control"] += 1
        return dict(counts)

    # --- control transfer ---

    def _goto(self, node: Node, mask: str, target: int | None) -> None:
        """All lanes of `mask` (never empty) go on at `target`."""
        if target is None:
            self._end_lanes(node, mask)
            return
        if self.c.uniform_node:
            self._jump(target, mask)
            return
        self.needs_dispatch = True
        if self.divergence.spins and self.divergence.position[target] <= self.divergence.position[node.index]:
            self._set_pcs(mask, self._pc(target))  # others get their turn
            self.e.do("br label %dispatch")
            return
        together, apart = self.e.name("together"), self.e.name("apart")
        same = self.e.let(f"icmp eq i32 {self._bits(mask)}, {self._bits(self._get('live'))}")
        self.e.do(f"br i1 {same}, label %{together}, label %{apart}")
        self.e.label(apart)
        self._set_pcs(mask, self._pc(target))
        self.e.do("br label %dispatch")
        self.e.label(together)
        self._jump(target, mask)

    def _jump(self, target: int, mask: str) -> None:
        """A direct jump of all live lanes."""
        if target not in self.divergence.uniform_nodes:
            self._set("mask", mask)
        self.e.do(f"br label %n{target}")

    def _branch(self, node: Node) -> None:
        assert node.last is not None
        if node.last.guard is None or not node.is_branch:
            self._goto(node, self.c.mask, node.successors[0])
            return
        self._prepare(node.last)
        taken, fallen = node.successors
        condition, mask = self.c.guard, self.c.mask
        assert condition is not None
        yes, no = self.e.name("taken"), self.e.name("fallen")
        if self.c.guard_lanes == 1:
            self.e.do(f"br i1 {condition}, label %{yes}, label %{no}")
        else:
            going = self.e.binary("and", "i1", LANES, mask, condition)
            bits = self._bits(going)
            everyone = self.e.let(f"icmp eq i32 {bits}, {self._bits(mask)}")
            nobody = self.e.let(f"icmp eq i32 {bits}, 0")
            some = self.e.name("some")
            split = self.e.name("split")
            self.e.do(f"br i1 {everyone}, label %{yes}, label %{some}")
            self.e.label(some)
            self.e.do(f"br i1 {nobody}, label %{no}, label %{split}")
            self.e.label(split)
            self.needs_dispatch = True
            self._set_pcs(mask, self.e.select(going, "i32", LANES, self._pc(taken), self._pc(fallen)))
            self.e.do("br label %dispatch")
        for label, target in ((yes, taken), (no, fallen)):
            self.e.label(label)
            self._goto(node, mask, target)

    def _switch(self, node: Node) -> None:
        """brx.idx: each lane looks up its target's position; then as after any split."""
        assert node.last is not None
        self._prepare(node.last)
        if self.c.guard is not None:
            self._unsupported(node.last)
        index = self.c.get(node.last.operands[0], "i32", lanes=LANES)
        pcs = self._pc(node.successors[-1])
        for number, target in enumerate(node.successors[:-1]):
            here = self.e.let(f"icmp eq {PCS} {index}, {splat('i32', number, LANES)}")
            pcs = self.e.select(here, "i32", LANES, self._pc(target), pcs)
        self.needs_dispatch = True
        self._set_pcs(self.c.mask, pcs)
        self.e.do("br label %dispatch")

    def _leave(self, node: Node) -> None:
        """ret, exit: the lanes are gone; with a guard, the others go on."""
        assert node.last is not None
        if node.last.guard is None:
            self._end_lanes(node, self.c.mask)
            return
        self._prepare(node.last)
        condition = self.c.guard if self.c.guard_lanes == LANES else self.e.broadcast("i1", self.c.guard or "")
        leaving = self.e.binary("and", "i1", LANES, self.c.mask, condition or "")
        staying = self._and_not(self.c.mask, leaving)
        self._set("live", self._and_not(self._get("live"), leaving))
        self._set_pcs(leaving, splat("i32", GONE, LANES))
        rest, none = self.e.name("rest"), self.e.name("none")
        empty = self.e.let(f"icmp eq i32 {self._bits(staying)}, 0")
        self.e.do(f"br i1 {empty}, label %{none}, label %{rest}")
        self.e.label(none)
        self._others()
        self.e.label(rest)
        self._set("mask", staying)
        self._goto(node, staying, node.successors[0] if node.successors else None)

    def _end_lanes(self, node: Node, mask: str) -> None:
        if self.c.uniform_node:
            self.e.do("ret i32 0")
            return
        self._set("live", self._and_not(self._get("live"), mask))
        self._set_pcs(mask, splat("i32", GONE, LANES))
        self._others()

    def _others(self) -> None:
        """Go on with the lanes that wait, or end where none is left."""
        if self.c.uniform_node:
            self.e.do("ret i32 0")
        else:
            self.needs_dispatch = True
            self.e.do("br label %dispatch")

    def _trap(self, node: Node) -> None:
        assert node.last is not None
        self._prepare(node.last)
        mask = self.c.mask
        go_on = self.e.name("calm")
        if self.c.guard is not None:
            guard = self.c.guard if self.c.guard_lanes == LANES else self.e.broadcast("i1", self.c.guard)
            mask = self.e.binary("and", "i1", LANES, mask, guard)
        bits = self._bits(mask)
        nobody = self.e.let(f"icmp eq i32 {bits}, 0")
        caught = self.e.name("caught")
        self.e.do(f"br i1 {nobody}, label %{go_on}, label %{caught}")
        self.e.label(caught)
        helpers = self.e.load("ptr", self.e.field("%launch", offset("vgpu_launch", "helpers")), 8)
        function = self.e.load("ptr", self.e.field(helpers, offset("vgpu_helpers", "trap")), 8)
        self.e.do(f"call i32 {function}(ptr %warp, i32 {bits}, i32 {TRAP_KIND}, i32 {node.last.line})")
        self.e.do("br label %fault")
        self.e.label(go_on)
        self._goto(node, self.c.mask, node.successors[0] if node.successors else None)

    # --- calls of device functions ---

    def _call(self, node: Node) -> None:
        assert node.last is not None
        self._prepare(node.last)
        self.needs_dispatch = True
        targets = self.calls.enter(node)
        if isinstance(targets, int) and self.c.uniform_node:
            self._jump(targets, self.c.mask)
            return
        self._set_pcs(self.c.mask, self._pc(targets) if isinstance(targets, int) else targets)
        self.e.do("br label %dispatch")

    def _return(self, node: Node) -> None:
        """ret of a device function; with a guard, the other lanes go on."""
        assert node.last is not None
        self._prepare(node.last)
        self.needs_dispatch = True
        leaving = self.c.mask
        if self.c.guard is not None:
            leaving = self.e.binary("and", "i1", LANES, leaving, self.c.guard)
        self._set_pcs(leaving, self.calls.leave(leaving))
        if self.c.guard is not None:
            self._set_pcs(self._and_not(self.c.mask, leaving), self._pc(node.successors[0]))
        self.e.do("br label %dispatch")

    # --- lanes that wait for each other ---

    def _meet(self, node: Node) -> None:
        """Go on once all live lanes of the member mask are here; park those that are early."""
        instruction = node.body[0]
        self._prepare(instruction)
        position = self._pc(node.index)
        here = self.e.let(f"icmp eq {PCS} {self.e.load(PCS, '%pc', 64)}, {position}")
        arrived = self.e.binary("and", "i1", LANES, self._get("parked"), here)
        mask = self.e.binary("or", "i1", LANES, self.c.mask, arrived)
        self._set("mask", mask)
        self._set("parked", self._and_not(self._get("parked"), mask))
        members = self.c.get(instruction.operands[-1], "i32", lanes=LANES)
        named = self.e.select(mask, "i32", LANES, members, splat("i32", 0, LANES))
        wanted = self.e.binary("and", "i32", 1, self.e.reduce("or", "i32", named), self._bits(self._get("live")))
        absent = self.e.binary("and", "i32", 1, wanted, self.e.binary("xor", "i32", 1, self._bits(mask), "-1"))
        complete = self.e.let(f"icmp eq i32 {absent}, 0")
        forced = self.e.load("i1", "%forced", 1)
        self.e.store("i1", "false", "%forced", 1)
        go, park = self.e.name("met"), self.e.name("park")
        self.e.do(f"br i1 {self.e.binary('or', 'i1', 1, complete, forced)}, label %{go}, label %{park}")
        self.e.label(park)
        self.needs_dispatch = True
        self._set_pcs(mask, position)
        self._set("parked", self.e.binary("or", "i1", LANES, self._get("parked"), mask))
        self.e.do("br label %dispatch")
        self.e.label(go)
        self.c.mask = mask

    # --- dispatch ---

    def _dispatch(self) -> None:
        """Run the lanes that wait at the lowest position; return where all wait at a barrier or none is left."""
        self.e.label("dispatch")
        if self.divergence.spins:
            turn = self.e.binary("add", "i32", 1, self.e.load("i32", "%turn", 4), "1")
            self.e.store("i32", turn, "%turn", 4)
            self.e.do(f"br i1 {self.e.let(f'icmp ugt i32 {turn}, {TURNS}')}, label %pause, label %choose")
            self.e.label("choose")
        pcs = self.e.load(PCS, "%pc", 64)
        held = self.e.binary("or", "i1", LANES, self._get("waiting"), self._get("parked"))
        ready = self.e.select(held, "i32", LANES, splat("i32", GONE, LANES), pcs)
        chosen = self.e.reduce("umin", "i32", ready)
        if self.divergence.spins:
            chosen = self._perhaps_highest(ready, chosen)
        mask = self.e.let(f"icmp eq {PCS} {ready}, {self.e.broadcast('i32', chosen)}")
        self._set("mask", mask)
        cases = " ".join(f"i32 {self.divergence.position[node.index]}, label %n{node.index}" for node in self.nodes)
        self.e.do(f"switch i32 {chosen}, label %stop [ {cases} ]")
        self.e.label("stop")
        self._force_parked()
        none = self.e.let(f"icmp eq i32 {self._bits(self._get('live'))}, 0")
        self.e.do(f"br i1 {none}, label %finished, label %suspend")
        self.e.label("finished")
        self.e.do(f"ret i32 {FINISHED}")
        state = len(self.resumes) + 1
        self.resumes.append((state, "resume.apart"))
        for label, outcome in (("suspend", AT_BARRIER), ("pause", PAUSED)):
            if outcome == PAUSED and not self.divergence.spins:
                continue
            self.e.label(label)
            self._save(sorted(self.kept))
            pcs = self.e.load(PCS, "%pc", 64)
            self.e.store(PCS, pcs, self.e.field("%warp", offset("vgpu_warp", "pc")), 64)
            self._suspend(state, outcome)
        self.e.label("resume.apart")
        self._restore(sorted(self.kept))
        self.e.do("br label %dispatch")

    def _perhaps_highest(self, ready: str, lowest: str) -> str:
        """Every other time that the warp is resumed, the lanes that are furthest come first."""
        absent = self.e.let(f"icmp eq {PCS} {ready}, {splat('i32', GONE, LANES)}")
        present = self.e.select(absent, "i32", LANES, splat("i32", 0, LANES), ready)
        highest = self.e.reduce("umax", "i32", present)
        wanted = self.e.load("i32", self.e.field("%warp", offset("vgpu_warp", "highest")), 4)
        some = self.e.let(f"icmp ne i32 {lowest}, {GONE}")
        use = self.e.binary("and", "i1", 1, some, self.e.let(f"icmp ne i32 {wanted}, 0"))
        return self.e.select(use, "i32", 1, highest, lowest)

    def _force_parked(self) -> None:
        """No lane can go on but parked ones: their partners will not come. Let the lowest go."""
        if not any(node.meets for node in self.nodes):
            return
        parked = self._get("parked")
        some = self.e.let(f"icmp ne i32 {self._bits(parked)}, 0")
        force, idle = self.e.name("force"), self.e.name("idle")
        self.e.do(f"br i1 {some}, label %{force}, label %{idle}")
        self.e.label(force)
        pcs = self.e.load(PCS, "%pc", 64)
        candidates = self.e.select(parked, "i32", LANES, pcs, splat("i32", GONE, LANES))
        lowest = self.e.broadcast("i32", self.e.reduce("umin", "i32", candidates))
        freed = self.e.let(f"icmp eq {PCS} {candidates}, {lowest}")
        self._set("parked", self._and_not(parked, freed))
        self.e.store("i1", "true", "%forced", 1)
        self.e.do("br label %dispatch")
        self.e.label(idle)

    # --- barriers ---

    def _barrier(self, node: Node) -> None:
        assert node.last is not None
        self._prepare(node.last)
        following = node.successors[0]
        self._announce(node)
        if not self.c.uniform_node:
            self.needs_dispatch = True
            self._set_pcs(self.c.mask, self._pc(following))
            self._set("waiting", self.e.binary("or", "i1", LANES, self._get("waiting"), self.c.mask))
            self.e.do("br label %dispatch")
            return
        saved = sorted(self.live[following])
        self._save(saved)
        state = len(self.resumes) + 1
        label = f"resume.{state}"
        self.resumes.append((state, label))
        self._suspend(state)
        self.e.label(label)
        self._restore(saved)
        self._jump(following, self._get("live"))

    def _announce(self, node: Node) -> None:
        """Leave the barrier's number and thread count for the scheduler."""
        instruction = node.last
        assert instruction is not None
        modifiers = [m for m in instruction.modifiers if m not in ("cta", "aligned")]
        if modifiers != ["sync"]:
            self._unsupported(instruction)
        operands = instruction.operands
        for operand in operands:
            varies = isinstance(operand, Register) and operand.name in self.divergence.varying
            if not isinstance(operand, (Integer, Register)) or varies:
                self.c.unsupported("a barrier whose operands differ between lanes")
        number = self.c.get(operands[0], "i32", lanes=1) if operands else "0"
        threads = self.c.get(operands[1], "i32", lanes=1) if len(operands) > 1 else "0"
        self.e.store("i32", number, self.e.field("%warp", offset("vgpu_warp", "barrier")), 4)
        self.e.store("i32", threads, self.e.field("%warp", offset("vgpu_warp", "barrier_threads")), 4)

    def _suspend(self, state: int, outcome: int = AT_BARRIER) -> None:
        waiting = "0" if outcome == AT_BARRIER else self._bits(self._get("waiting"))
        for name, bits in (("waiting", waiting), ("parked", self._bits(self._get("parked")))):
            self.e.store("i32", bits, self.e.field("%warp", offset("vgpu_warp", name)), 4)
        if self.functions:
            at = self.e.load(PCS, "%at", 64)
            self.e.store(PCS, at, self.e.field("%warp", offset("vgpu_warp", "frame_at")), 64)
        self.e.store("i32", self._bits(self._get("live")), self.e.field("%warp", offset("vgpu_warp", "live")), 4)
        self.e.store("i32", str(state), self.e.field("%warp", offset("vgpu_warp", "state")), 4)
        self.e.do(f"ret i32 {outcome}")

    def _slot(self, register: Register) -> tuple[int, str, int]:
        """Where a register is saved: offset in the warp's frame, LLVM type, alignment."""
        scalar, lanes = storage(register), self.c.lanes_of(register)
        size = max(8, BITS[scalar] * lanes // 8)
        if register.name not in self.slots:
            alignment = min(64, size)
            self.frame_bytes = -(-self.frame_bytes // alignment) * alignment
            self.slots[register.name] = self.frame_bytes
            self.frame_bytes += size
        return self.slots[register.name], llvm_type(scalar, lanes), 1 if scalar == "i1" else min(64, size)

    def _save(self, names: list[str]) -> None:
        for name in names:
            register = self.registers[name]
            place, type_, alignment = self._slot(register)
            value = self.c.read_register(register, self.c.lanes_of(register))
            self.e.store(type_, value, self.e.field("%frame", place), alignment)

    def _restore(self, names: list[str]) -> None:
        for name in names:
            register = self.registers[name]
            place, type_, alignment = self._slot(register)
            value = self.e.load(type_, self.e.field("%frame", place), alignment)
            cell = self.c.cell(register)
            self.e.store(type_, value, cell, 1 if type_.endswith("i1") or type_.endswith("i1>") else alignment)
