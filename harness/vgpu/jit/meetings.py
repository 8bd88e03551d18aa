"""Lanes of a warp that wait for each other: shfl.sync, vote.sync, bar.warp.sync, … where lanes can be apart.

PTX ISA: the executing thread waits until all non-exited threads of the member mask have executed the instruction with
the same qualifiers and the same mask. From sm_70 on it need not be the same instruction: lanes may stand at different
places of the program.

Where the active lanes are all that their masks name, they go straight on. Else they leave their operands in registers
of the meeting, which all places of equal qualifiers share, and park. Whoever completes a mask does the exchange for all
of its lanes; each then goes on behind its own place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.vgpu.jit import rules
from harness.vgpu.jit.context import Context, storage
from harness.vgpu.jit.effects import destinations, sources
from harness.vgpu.jit.emitter import LANES, constant_vector, splat
from harness.vgpu.jit.masks import MASK, PCS, Masks
from harness.vgpu.jit.nodes import Node
from harness.vgpu.jit.rules.warp import active
from harness.vgpu.ptx.program import Instruction, Integer, Operand, Pair, Register

# The lanes of `present` of whose mask no live lane is missing, each lane of it with the same mask; and those that
# share a mask with a lane of `forced`.
COMPLETE = """
define internal i32 @complete(<32 x i32> %members, i32 %present, i32 %live, i32 %forced) noinline {
entry:
  br label %next
next:
  %rest = phi i32 [ %present, %entry ], [ %left, %group ]
  %going = phi i32 [ 0, %entry ], [ %gone, %group ]
  %over = icmp eq i32 %rest, 0
  br i1 %over, label %done, label %group
group:
  %first = call i32 @llvm.cttz.i32(i32 %rest, i1 true)
  %mask = extractelement <32 x i32> %members, i32 %first
  %one = insertelement <32 x i32> poison, i32 %mask, i64 0
  %all = shufflevector <32 x i32> %one, <32 x i32> poison, <32 x i32> zeroinitializer
  %equal = icmp eq <32 x i32> %members, %all
  %bits = bitcast <32 x i1> %equal to i32
  %same = and i32 %bits, %rest
  %others = xor i32 %same, -1
  %absent = and i32 %live, %others
  %missing = and i32 %mask, %absent
  %full = icmp eq i32 %missing, 0
  %push = and i32 %same, %forced
  %pushed = icmp ne i32 %push, 0
  %goes = or i1 %full, %pushed
  %added = select i1 %goes, i32 %same, i32 0
  %gone = or i32 %going, %added
  %left = and i32 %rest, %others
  br label %next
done:
  ret i32 %going
}"""


def _tiles() -> str:
    """For each lane the mask of its tile, for tiles of 1, 2, 4, 8, 16 and 32 lanes."""
    rows = [[(1 << size) - 1 << lane // size * size for lane in range(LANES)] for size in (1, 2, 4, 8, 16, 32)]
    table = ", ".join(f"{PCS} {constant_vector('i32', row)}" for row in [*rows, [0] * LANES, [0] * LANES])
    return f"@tiles = internal constant [8 x {PCS}] [{table}], align 64"


TILES = _tiles()


@dataclass(frozen=True, slots=True)
class Meeting:
    """Places of equal qualifiers. `instruction` is the exchange itself, on registers that all places share.

    An operand that is the same number at every place stays a number.
    """

    places: tuple[Node, ...]
    instruction: Instruction

    @property
    def brought(self) -> tuple[Register, ...]:
        """What lanes leave there when they park."""
        return tuple(o for o in sources(self.instruction) if isinstance(o, Register))

    @property
    def results(self) -> tuple[Register, ...]:
        found = destinations(self.instruction)
        return tuple(r for o in found for r in _parts(o) if isinstance(r, Register))


def find(nodes: Sequence[Node]) -> list[Meeting]:
    """All meetings of a kernel and the functions that it calls."""
    places: dict[str, list[Node]] = {}
    for node in nodes:
        if node.meets:
            places.setdefault(node.body[-1].form, []).append(node)
    return [_meeting(number, tuple(same)) for number, same in enumerate(places.values())]


def _meeting(number: int, places: tuple[Node, ...]) -> Meeting:
    instructions = [place.body[-1] for place in places]
    model = instructions[0]
    brought: list[Operand] = []
    for position, operands in enumerate(zip(*(sources(i) for i in instructions), strict=True)):
        constant = isinstance(operands[0], Integer) and len(set(operands)) == 1
        register = Register(f"%meeting{number}.{position}", _source_type(model, position))
        brought.append(operands[0] if constant else register)
    pair = any(isinstance(o, Pair) for i in instructions for o in destinations(i))
    first = Register(f"%meeting{number}.result", _result_type(model))
    result = Pair(first, Register(f"%meeting{number}.holds", "pred")) if pair else first
    written = [result] if destinations(model) else []
    return Meeting(places, replace(model, operands=(*written, *brought), guard=None))


def _source_type(i: Instruction, position: int) -> str:
    if position > 0:
        return "b32"
    return {"vote": "pred", "match": i.modifiers[-1]}.get(i.opcode, "b32") if len(sources(i)) > 1 else "b32"


def _result_type(i: Instruction) -> str:
    return "pred" if i.opcode == "vote" and "ballot" not in i.modifiers else "b32"


def _parts(operand: Operand) -> tuple[Operand, ...]:
    return (operand.first, operand.second) if isinstance(operand, Pair) else (operand,)


class Meetings:
    """Emits the places where lanes wait, and the exchanges. A lane that waits has its pc behind the place already."""

    def __init__(self, c: Context, masks: Masks, meetings: Sequence[Meeting]) -> None:
        self.c, self.e, self.m, self.meetings = c, c.e, masks, meetings
        self.number = {place.index: number for number, meeting in enumerate(meetings) for place in meeting.places}
        for meeting in meetings:
            for register in meeting.brought:  # seldom used: as SSA values they would burden every node
                self.e.hold(c.cell(register))

    def meet(self, node: Node) -> None:
        """Before a place's instruction: go on where all are here, else park and let the exchange see who can go."""
        number, instruction = self.number[node.index], node.body[-1]
        self.c.prepare(instruction)
        here = active(self.c)
        met, wait = self.e.name("met"), self.e.name("wait")
        self._branch_if_covered(instruction.operands[-1], here, met, wait)
        self.e.label(wait)
        for own, shared in zip(sources(instruction), sources(self.meetings[number].instruction), strict=True):
            if isinstance(shared, Register):
                scalar = storage(shared)
                self.c.put(shared, self.c.get(own, scalar, lanes=LANES), scalar, lanes=LANES)
        self.m.set_pcs(self.c.mask, self._behind(node))
        self.m.set("parked", self.e.binary("or", "i1", LANES, self.m.get("parked"), here))
        self.m.used_dispatch = True
        self.e.do(f"br label %meeting{number}")
        self.e.label(met)

    def _behind(self, place: Node) -> str:
        return self.m.pc(place.successors[0])

    def _branch_if_covered(self, members: Operand, here: str, met: str, wait: str) -> None:
        """To `met` where nobody else is named by a lane that is here."""
        lanes, live = self.m.bits(here), self.m.bits(self.m.get("live"))
        one = isinstance(members, Integer) or (isinstance(members, Register) and members.name not in self.c.varying)
        if one:
            mask = self.c.get(members, "i32", lanes=1)
            self._branch(self._nobody_of(mask, live, lanes), met, wait)
            return
        named = self.c.get(members, "i32", lanes=LANES)
        self._declare()
        first = self.e.let(f"call i32 @llvm.cttz.i32(i32 {lanes}, i1 false)")
        first = self.e.binary("and", "i32", 1, first, "31")  # no lane may be here, under a guard
        mask = self.e.let(f"extractelement {PCS} {named}, i32 {first}")
        equal = self.m.bits(self.e.let(f"icmp eq {PCS} {named}, {self.e.broadcast('i32', mask)}"))
        others = self._nobody_of(lanes, "-1", equal)
        both = self.e.binary("and", "i1", 1, others, self._nobody_of(mask, live, lanes))
        parts = self.e.name("parts")
        self._branch(both, met, parts)
        self.e.label(parts)
        groups = self.e.name("groups")
        self._branch(self._whole_tiles(named, mask, lanes, live), met, groups)
        self.e.label(groups)
        complete = self.e.let(f"call i32 @complete({PCS} {named}, i32 {lanes}, i32 {live}, i32 0)")
        self._branch(self.e.let(f"icmp eq i32 {complete}, {lanes}"), met, wait)

    def _whole_tiles(self, named: str, one: str, lanes: str, live: str) -> str:
        """Whether the lanes name their tiles of the warp, as large as the mask `one`, and all of them are here."""
        size = self.e.intrinsic("ctpop", "i32", 1, one)
        row = self.e.binary("and", "i32", 1, self.e.intrinsic("cttz", "i32", 1, size, extra="false"), "7")
        tiles = self.e.load(PCS, self.e.let(f"getelementptr {PCS}, ptr @tiles, i32 {row}"), 64)
        absent = self.e.binary("and", "i32", 1, live, self.e.binary("xor", "i32", 1, lanes, "-1"))
        missing = self.e.binary("and", "i32", LANES, named, self.e.broadcast("i32", absent))
        differs = self.m.bits(self.e.let(f"icmp ne {PCS} {named}, {tiles}"))
        lacks = self.m.bits(self.e.let(f"icmp ne {PCS} {missing}, {splat('i32', 0, LANES)}"))
        wrong = self.e.binary("and", "i32", 1, lanes, self.e.binary("or", "i32", 1, differs, lacks))
        return self.e.let(f"icmp eq i32 {wrong}, 0")

    def _nobody_of(self, a: str, b: str, but: str) -> str:
        """Whether a & b holds no other lane than those of `but`."""
        rest = self.e.binary("and", "i32", 1, b, self.e.binary("xor", "i32", 1, but, "-1"))
        return self.e.let(f"icmp eq i32 {self.e.binary('and', 'i32', 1, a, rest)}, 0")

    def _branch(self, condition: str, yes: str, no: str) -> None:
        self.e.do(f"br i1 {condition}, label %{yes}, label %{no}")

    def _declare(self) -> None:
        self.e.declarations["llvm.cttz.i32"] = "declare i32 @llvm.cttz.i32(i32, i1)"
        self.e.declarations["complete"] = COMPLETE
        self.e.declarations["tiles"] = TILES

    def look_again(self) -> None:
        """Lanes have exited: nobody need wait for them any more."""
        if self.meetings:
            self.e.store("i32", self.m.bits(self.m.get("parked")), "%look", 4)

    def emit_looking(self) -> None:
        """At the start of the dispatch: see to the meetings where lanes may have become able to go on."""
        if not self.meetings:
            return
        look, rest = self.e.name("look"), self.e.name("rest")
        lanes = self.e.load("i32", "%look", 4)
        self._branch(self.e.let(f"icmp eq i32 {lanes}, 0"), rest, look)
        self.e.label(look)
        self._declare()
        first = self.e.let(f"call i32 @llvm.cttz.i32(i32 {lanes}, i1 true)")
        pc = self.e.let(f"extractelement {PCS} {self.e.load(PCS, '%pc', 64)}, i32 {first}")
        places = [(place.successors[0], n) for n, meeting in enumerate(self.meetings) for place in meeting.places]
        cases = " ".join(f"i32 {self.m.position[behind]}, label %meeting{n}" for behind, n in places)
        self.e.do(f"switch i32 {pc}, label %{rest} [ {cases} ]")
        self.e.label(rest)

    def force(self) -> None:
        """No lane can go on but parked ones: their partners will not come. Let those with the mask of the first go."""
        parked = self.m.bits(self.m.get("parked"))
        force, idle = self.e.name("force"), self.e.name("idle")
        self._branch(self.e.let(f"icmp ne i32 {parked}, 0"), force, idle)
        self.e.label(force)
        first = self.e.binary("and", "i32", 1, parked, self.e.binary("sub", "i32", 1, "0", parked))
        for name in ("forced", "look"):
            self.e.store("i32", first, f"%{name}", 4)
        self.m.dispatch()
        self.e.label(idle)

    def emit(self) -> None:
        """The exchanges, one for each meeting."""
        self.c.uniform_node = self.c.in_function = False
        for number, meeting in enumerate(self.meetings):
            self._declare()
            self.e.label(f"meeting{number}")
            self._exchange(meeting)

    def _exchange(self, meeting: Meeting) -> None:
        """The lanes of complete masks exchange, take their results and go on; the others stay parked."""
        pcs = self.e.load(PCS, "%pc", 64)
        parked = self.m.get("parked")
        at = {p.index: self.e.let(f"icmp eq {PCS} {pcs}, {self._behind(p)}") for p in meeting.places}
        here = splat("i1", "false", LANES)
        for lanes in at.values():
            here = self.e.binary("or", "i1", LANES, here, lanes)
        present = self.m.bits(self.e.binary("and", "i1", LANES, here, parked))
        members = self.c.get(meeting.instruction.operands[-1], "i32", lanes=LANES)
        live, forced = self.m.bits(self.m.get("live")), self.e.load("i32", "%forced", 4)
        self.e.store("i32", "0", "%forced", 4)
        unseen = self.e.binary("xor", "i32", 1, present, "-1")
        self.e.store("i32", self.e.binary("and", "i32", 1, self.e.load("i32", "%look", 4), unseen), "%look", 4)
        bits = self.e.let(f"call i32 @complete({PCS} {members}, i32 {present}, i32 {live}, i32 {forced})")
        go, stay = self.e.name("go"), self.e.name("stay")
        self._branch(self.e.let(f"icmp eq i32 {bits}, 0"), stay, go)
        self.e.label(stay)
        self.m.dispatch()
        self.e.label(go)
        going = self.e.bitcast("i32", bits, MASK)
        self.m.set("parked", self.m.and_not(parked, going))
        self.c.mask = going
        self.c.prepare(meeting.instruction)
        rule = rules.find(meeting.instruction)
        if rule is not None:  # else its place has raised the error
            rule.lower(self.c)
        for place in meeting.places:
            self.c.mask = self.e.binary("and", "i1", LANES, going, at[place.index])
            self._deliver(meeting, place.body[-1])
        self.m.dispatch()

    def _deliver(self, meeting: Meeting, instruction: Instruction) -> None:
        self.c.prepare(replace(instruction, guard=None))
        for operand in destinations(instruction):
            for part, result in zip(_parts(operand), meeting.results, strict=False):
                scalar = storage(result)
                self.c.put(part, self.c.get(result, scalar, lanes=LANES), scalar, lanes=LANES)
