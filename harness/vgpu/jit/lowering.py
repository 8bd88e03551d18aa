"""A kernel to LLVM IR: `int32 warp(vgpu_warp *)` runs one warp to its next barrier, its end, a pause, or a fault.

Every lane has a program counter, but it is only kept while lanes are apart. Together they jump straight; apart,
each group writes down where it goes, and the dispatch runs the group that waits at the lowest position.

Lanes that reach an instruction which waits for other lanes of the warp (shfl.sync, …) before those do are parked.
Where loops may wait for other threads, every jump back goes through the dispatch, which now and then returns to the
scheduler so that other warps and blocks get their turn, and then goes on with the lanes behind those that ran last.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import NoReturn

from harness.vgpu.errors import UnsupportedPtx
from harness.vgpu.jit import constants, dispatch, divergence, facts, faults, linking, liveness, meetings, nodes, rules
from harness.vgpu.jit.barriers import Barriers
from harness.vgpu.jit.calls import Calls
from harness.vgpu.jit.context import Context
from harness.vgpu.jit.counting import Counting
from harness.vgpu.jit.divergence import Divergence
from harness.vgpu.jit.effects import read
from harness.vgpu.jit.emitter import LANES, Emitter, splat
from harness.vgpu.jit.facts import Facts
from harness.vgpu.jit.frame import Frame, Site
from harness.vgpu.jit.masks import GONE, MASK, PCS, Masks
from harness.vgpu.jit.meetings import Meetings
from harness.vgpu.jit.nodes import Graph, Node
from harness.vgpu.jit.rules.warp import active
from harness.vgpu.jit.suspension import FAULTED, FINISHED, Suspension
from harness.vgpu.jit.target import Target
from harness.vgpu.layout import offset
from harness.vgpu.ptx.program import Function, Instruction, Module

# nodes times registers that live across them: more costs LLVM minutes, memory the code up to a quarter
MOST_PHIS = 8_000


@dataclass(frozen=True, slots=True)
class Lowered:
    """LLVM IR of one kernel and what its launch must provide."""

    ir: str
    frame: Frame
    frame_bytes: int  # saved registers of a warp at a barrier
    local_bytes: int  # of one thread, with room for recursion
    sites: tuple[Site, ...]
    facts: tuple[Facts, ...]  # per node; only of code that counts
    spins: bool  # threads may wait for each other in loops
    in_order: bool  # output, or atomics whose order shows: one worker, so that the result is always the same


def lower(module: Module, function: Function, target: Target, counts: bool = False) -> Lowered:
    """`counts`: code that counts what it does. Raises UnsupportedPtx for an instruction without a rule."""
    return _Lowering(module, function, target, counts).run()


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
    def __init__(self, module: Module, function: Function, target: Target, counts: bool) -> None:
        callees = linking.reachable(module, function)
        self.function = rules.settled(linking.localise(function))
        self.functions = [rules.settled(linking.localise(f)) for f in callees]
        self.frame = Frame(self.function, module, target, self.functions)
        self.graph, self.divergence = _graph(self.function, self.functions)
        self.nodes = self.graph.nodes
        self.live = liveness.live_in(list(self.nodes))
        self.registers = {r.name: r for f in (self.function, *self.functions) for r in f.registers}
        self.e = Emitter()
        self.kept = set().union(*self.live) if self.live else set()
        found = meetings.find(self.nodes)
        brought = {r.name: r for meeting in found for r in meeting.brought}
        self.registers |= brought
        self.kept |= set(brought)
        varying = self.divergence.varying | set(brought) | {r.name for meeting in found for r in meeting.results}
        self.c = Context(self.e, self.frame, varying, self.kept)
        self.c.used = frozenset(name for node in self.nodes for i in (*node.body, node.last) if i for name in read(i))
        self.c.counts = counts
        self.counting = Counting(self.e, counts)
        self.c.keeps_slots = len(self.nodes) * len(self.kept) > MOST_PHIS
        recursive = linking.recursive(callees, module)
        self.calls = Calls(self.c, self.graph, self.divergence.position, self.live, self.registers, recursive)
        self.m = Masks(self.e, self.divergence.position)
        self.suspension = Suspension(self.c, self.m, self.registers, bool(self.functions))
        self.meetings = Meetings(self.c, self.m, found)
        self.barriers = Barriers(self.c, self.m, self.graph)
        arrivals = Counter(target for node in self.nodes for target in node.successors)
        self.alone = {target for target, count in arrivals.items() if count == 1}  # no lanes join others there

    def run(self) -> Lowered:
        for node in sorted(self.nodes, key=lambda n: self.divergence.position[n.index]):
            self._node(node)
        self.meetings.emit()
        if self.m.used_dispatch:
            dispatch.emit(self.m, self.suspension, self.meetings, self.graph, self.divergence, sorted(self.kept))
        self.e.label("fault")
        self.e.do(f"ret i32 {FAULTED}")
        local_bytes = self.calls.local_bytes()
        in_order = any(rules.fixes_order(i, self.c.used) for node in self.nodes for i in node.body)
        return Lowered(
            ir=self._text(),
            frame=self.frame,
            frame_bytes=self.suspension.frame_bytes,
            local_bytes=local_bytes,
            sites=tuple(self.frame.sites),
            facts=tuple(map(facts.of, self.nodes)) if self.c.counts else (),
            spins=self.divergence.spins,
            in_order=in_order,
        )

    # --- the frame of the function ---

    def _text(self) -> str:
        body = self.e.lines
        self.e.lines = []
        self._entry()
        declarations = "\n".join(self.e.declarations.values())
        allocas = "\n".join(self.e.allocas)
        return (
            # the stack aligned for whole vectors: LLVM does not do it for spilled registers alone
            f"{declarations}\n\ndefine i32 @warp(ptr noalias %warp) alignstack(64) {{\nentry:\n{allocas}\n"
            + "\n".join([*self.e.lines, *body])
            + '\n}\n\n!0 = !{!"branch_weights", i32 1, i32 1000}\n!1 = !{!"branch_weights", i32 1000, i32 1}\n'
        )

    def _entry(self) -> None:
        for name, type_ in (("live", MASK), ("mask", MASK), ("waiting", MASK), ("parked", MASK), ("pc", PCS),
                            ("at", PCS), ("turn", "i32"), ("last", "i32"), ("forced", "i32"),
                            ("look", "i32")):  # fmt: skip
            self.e.alloca(name, type_)
        for name, field, type_ in (("launch", "launch", "ptr"), ("frame", "frame", "ptr"), ("state", "state", "i32")):
            address = self.e.field("%warp", offset("vgpu_warp", field))
            self.e.do(f"%{name} = load {type_}, ptr {address}, align 4")
        bits = self.e.load("i32", self.e.field("%warp", offset("vgpu_warp", "live")), 4)
        live = self.e.bitcast("i32", bits, MASK)
        self.m.set("live", live)
        self.m.set("mask", live)
        for name in ("waiting", "parked"):
            kept = self.e.load("i32", self.e.field("%warp", offset("vgpu_warp", name)), 4)
            self.m.set(name, self.e.bitcast("i32", kept, MASK))
        at = self.e.load(PCS, self.e.field("%warp", offset("vgpu_warp", "frame_at")), 64)
        self.e.store(PCS, at, "%at", 64)
        self.e.store("i32", "0", "%turn", 4)
        self.e.store("i32", str(GONE), "%last", 4)
        self.e.store("i32", "0", "%forced", 4)
        self.e.store("i32", "0", "%look", 4)
        pcs = self.e.load(PCS, self.e.field("%warp", offset("vgpu_warp", "pc")), 64)
        # a barrier that all live lanes reach together does not keep the pcs of those that have exited
        pcs = self.e.select(live, "i32", LANES, pcs, splat("i32", GONE, LANES))
        self.e.store(PCS, pcs, "%pc", 64)
        cases = " ".join(f"i32 {state}, label %{label}" for state, label in self.suspension.resumes)
        self.e.do(f"switch i32 %state, label %n0 [ {cases} ]")

    # --- nodes ---

    def _node(self, node: Node) -> None:
        self.e.label(f"n{node.index}")
        self.c.in_function = not node.function.is_kernel
        self.c.uniform_node = node.index in self.divergence.uniform_nodes
        self.c.mask = self.m.get("live" if self.c.uniform_node else "mask")
        self.counting.run(node, self.c.mask)
        if node.index in self.barriers.reductions:
            self.barriers.take_result(node)
        if node.index in self.calls.continuations:
            self.calls.take_results(node)
        for number, instruction in enumerate(node.body, 1):
            if node.meets and number == len(node.body):
                self.meetings.meet(node)
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

    def _instruction(self, instruction: Instruction) -> None:
        rule = rules.find(instruction)
        if rule is None:
            self._unsupported(instruction)
        self.c.prepare(instruction)
        rule.lower(self.c)

    def _unsupported(self, instruction: Instruction) -> NoReturn:
        where = f" ({instruction.source.file}:{instruction.source.line})" if instruction.source else ""
        raise UnsupportedPtx(
            f"kernel {self.function.name}, PTX line {instruction.line}{where}: "
            f"the vgpu does not run the instruction {instruction.form}"
        )

    # --- control transfer ---

    def _goto(self, node: Node, mask: str, target: int | None) -> None:
        """All lanes of `mask` (never empty) go on at `target`."""
        if target is None:
            self._end_lanes(node, mask)
            return
        if self.c.uniform_node:
            self._jump(target, mask)
            return
        forward = self.divergence.position[target] > self.divergence.position[node.index]
        if target in self.alone and forward and target not in self.divergence.uniform_nodes:
            self._jump(target, mask)
            return
        if self.divergence.spins and not forward:
            self.m.set_pcs(mask, self.m.pc(target))  # others get their turn
            self.m.dispatch()
            return
        together, apart = self.e.name("together"), self.e.name("apart")
        same = self.e.let(f"icmp eq i32 {self.m.bits(mask)}, {self.m.bits(self.m.get('live'))}")
        self.e.do(f"br i1 {same}, label %{together}, label %{apart}")
        self.e.label(apart)
        self.m.set_pcs(mask, self.m.pc(target))
        self.m.dispatch()
        self.e.label(together)
        self._jump(target, mask)

    def _jump(self, target: int, mask: str) -> None:
        """A direct jump of all live lanes."""
        if target not in self.divergence.uniform_nodes:
            self.m.set("mask", mask)
        self.e.do(f"br label %n{target}")

    def _branch(self, node: Node) -> None:
        assert node.last is not None
        if node.last.guard is None or not node.is_branch:
            self._goto(node, self.c.mask, node.successors[0])
            return
        self.c.prepare(node.last)
        taken, fallen = node.successors
        condition, mask = self.c.guard, self.c.mask
        assert condition is not None
        yes, no = self.e.name("taken"), self.e.name("fallen")
        if self.c.guard_lanes == 1:
            self.e.do(f"br i1 {condition}, label %{yes}, label %{no}")
        else:
            going = self.e.binary("and", "i1", LANES, mask, condition)
            bits = self.m.bits(going)
            everyone = self.e.let(f"icmp eq i32 {bits}, {self.m.bits(mask)}")
            nobody = self.e.let(f"icmp eq i32 {bits}, 0")
            some = self.e.name("some")
            split = self.e.name("split")
            self.e.do(f"br i1 {everyone}, label %{yes}, label %{some}")
            self.e.label(some)
            self.e.do(f"br i1 {nobody}, label %{no}, label %{split}")
            self.e.label(split)
            self.counting.parted(node)
            self.m.set_pcs(mask, self.e.select(going, "i32", LANES, self.m.pc(taken), self.m.pc(fallen)))
            self.m.dispatch()
        for label, target in ((yes, taken), (no, fallen)):
            self.e.label(label)
            self._goto(node, mask, target)

    def _switch(self, node: Node) -> None:
        """brx.idx: each lane looks up its target's position; with a guard, the others go on behind it."""
        assert node.last is not None
        self.c.prepare(node.last)
        guard = self.c.guard
        targets = node.successors if guard is None else node.successors[:-1]
        index = self.c.get(node.last.operands[0], "i32", lanes=LANES)
        pcs = self.m.pc(targets[-1])
        for number, target in enumerate(targets[:-1]):
            here = self.e.let(f"icmp eq {PCS} {index}, {splat('i32', number, LANES)}")
            pcs = self.e.select(here, "i32", LANES, self.m.pc(target), pcs)
        if guard is not None:
            going = guard if self.c.guard_lanes == LANES else self.e.broadcast("i1", guard)
            pcs = self.e.select(going, "i32", LANES, pcs, self.m.pc(node.successors[-1]))
        self.counting.parted_by_target(node, self.c.mask, pcs)
        self.m.set_pcs(self.c.mask, pcs)
        self.m.dispatch()

    def _leave(self, node: Node) -> None:
        """ret, exit: the lanes are gone; with a guard, the others go on."""
        assert node.last is not None
        if node.last.guard is None:
            self._end_lanes(node, self.c.mask)
            return
        self.c.prepare(node.last)
        condition = self.c.guard if self.c.guard_lanes == LANES else self.e.broadcast("i1", self.c.guard or "")
        leaving = self.e.binary("and", "i1", LANES, self.c.mask, condition or "")
        self.counting.parted_by_guard(node, self.c.mask, leaving)
        staying = self.m.and_not(self.c.mask, leaving)
        self.m.set("live", self.m.and_not(self.m.get("live"), leaving))
        self.meetings.look_again()
        self.m.set_pcs(leaving, splat("i32", GONE, LANES))
        rest, none = self.e.name("rest"), self.e.name("none")
        empty = self.e.let(f"icmp eq i32 {self.m.bits(staying)}, 0")
        self.e.do(f"br i1 {empty}, label %{none}, label %{rest}")
        self.e.label(none)
        self._others()
        self.e.label(rest)
        self.m.set("mask", staying)
        self._goto(node, staying, node.successors[0] if node.successors else None)

    def _end_lanes(self, node: Node, mask: str) -> None:
        if self.c.uniform_node:
            self.e.do(f"ret i32 {FINISHED}")
            return
        self.m.set("live", self.m.and_not(self.m.get("live"), mask))
        self.meetings.look_again()
        self.m.set_pcs(mask, splat("i32", GONE, LANES))
        self._others()

    def _others(self) -> None:
        """Go on with the lanes that wait, or end where none is left."""
        if self.c.uniform_node:
            self.e.do(f"ret i32 {FINISHED}")
        else:
            self.m.dispatch()

    def _trap(self, node: Node) -> None:
        assert node.last is not None
        self.c.prepare(node.last)
        faults.fault_if(self.c, active(self.c), faults.TRAP)
        self._goto(node, self.c.mask, node.successors[0] if node.successors else None)

    # --- calls of device functions ---

    def _call(self, node: Node) -> None:
        assert node.last is not None
        self.c.prepare(node.last)
        targets = self.calls.enter(node)
        if isinstance(targets, int) and self.c.uniform_node:
            self._jump(targets, self.c.mask)
            return
        self.m.set_pcs(self.c.mask, self.m.pc(targets) if isinstance(targets, int) else targets)
        self.m.dispatch()

    def _return(self, node: Node) -> None:
        """ret of a device function; with a guard, the other lanes go on."""
        assert node.last is not None
        self.c.prepare(node.last)
        leaving = self.c.mask
        if self.c.guard is not None:
            leaving = self.e.binary("and", "i1", LANES, leaving, self.c.guard)
            self.counting.parted_by_guard(node, self.c.mask, leaving)
        self.m.set_pcs(leaving, self.calls.leave(leaving))
        if self.c.guard is not None:
            self.m.set_pcs(self.m.and_not(self.c.mask, leaving), self.m.pc(node.successors[0]))
        self.m.dispatch()

    # --- barriers ---

    def _barrier(self, node: Node) -> None:
        assert node.last is not None
        self.c.prepare(node.last)
        following = node.successors[0]
        self.barriers.announce(node)
        if not self.c.uniform_node:
            self.m.set_pcs(self.c.mask, self.m.pc(following))
            self.m.set("waiting", self.e.binary("or", "i1", LANES, self.m.get("waiting"), self.c.mask))
            self.m.dispatch()
            return
        self.suspension.leave_and_return(sorted(self.live[following]))
        self._jump(following, self.m.get("live"))
