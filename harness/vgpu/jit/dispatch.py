"""The dispatch: which lanes of a warp run next, once they are apart."""

from __future__ import annotations

from harness.vgpu.jit.divergence import Divergence
from harness.vgpu.jit.emitter import LANES, splat
from harness.vgpu.jit.masks import GONE, PCS, Masks
from harness.vgpu.jit.meetings import Meetings
from harness.vgpu.jit.nodes import Graph
from harness.vgpu.jit.suspension import AT_BARRIER, FINISHED, PAUSED, Suspension
from harness.vgpu.layout import offset

TURNS = 128  # dispatches between two pauses of a warp that may wait for others


def emit(
    m: Masks, suspension: Suspension, meetings: Meetings, graph: Graph, divergence: Divergence, kept: list[str]
) -> None:
    """Run the lanes that wait at the lowest position; return where all wait at a barrier or none is left."""
    e, spins = m.e, divergence.spins
    meets = bool(meetings.meetings)
    e.label("dispatch")
    meetings.emit_looking()
    if spins:
        turn = e.binary("add", "i32", 1, e.load("i32", "%turn", 4), "1")
        e.store("i32", turn, "%turn", 4)
        e.do(f"br i1 {e.let(f'icmp ugt i32 {turn}, {TURNS}')}, label %pause, label %choose")
        e.label("choose")
    held = e.binary("or", "i1", LANES, m.get("waiting"), m.get("parked"))
    ready = e.select(held, "i32", LANES, splat("i32", GONE, LANES), e.load(PCS, "%pc", 64))
    chosen = e.reduce("umin", "i32", ready)
    if spins:
        chosen = _next_in_turn(m, ready, chosen)
        e.store("i32", chosen, "%last", 4)
    m.set("mask", e.let(f"icmp eq {PCS} {ready}, {e.broadcast('i32', chosen)}"))
    together = divergence.uniform_nodes if meets else frozenset()
    labels = {node.index: f"{'all' if node.index in together else 'n'}{node.index}" for node in graph.nodes}
    cases = " ".join(f"i32 {m.position[index]}, label %{label}" for index, label in labels.items())
    e.do(f"switch i32 {chosen}, label %stop [ {cases} ]")
    for index in sorted(together):  # where all lanes are taken for being together, parked ones must come first
        e.label(f"all{index}")
        nobody = e.let(f"icmp eq i32 {m.bits(m.get('parked'))}, 0")
        e.do(f"br i1 {nobody}, label %n{index}, label %stop")
    e.label("stop")
    if meets:
        meetings.force()
    none = e.let(f"icmp eq i32 {m.bits(m.get('live'))}, 0")
    e.do(f"br i1 {none}, label %finished, label %suspend")
    e.label("finished")
    e.do(f"ret i32 {FINISHED}")
    _suspend(m, suspension, spins, kept)


def _suspend(m: Masks, suspension: Suspension, spins: bool, kept: list[str]) -> None:
    """Leave with everything that any lane may need; where the lanes are apart they all come back to the dispatch."""
    e = m.e
    state = suspension.new_state("resume.apart")
    for label, outcome in (("suspend", AT_BARRIER), ("pause", PAUSED)):
        if outcome == PAUSED and not spins:
            continue
        e.label(label)
        if outcome == PAUSED:
            e.store("i32", e.load("i32", "%last", 4), e.field("%warp", offset("vgpu_warp", "paused_at")), 4)
        suspension.save(kept)
        e.store(PCS, e.load(PCS, "%pc", 64), e.field("%warp", offset("vgpu_warp", "pc")), 64)
        suspension.leave(state, outcome)
    e.label("resume.apart")
    suspension.restore(kept)
    m.dispatch()


def _next_in_turn(m: Masks, ready: str, lowest: str) -> str:
    """The lowest behind the place where the warp last paused, so that no group of lanes starves between others."""
    e = m.e
    paused_at = e.broadcast("i32", e.load("i32", e.field("%warp", offset("vgpu_warp", "paused_at")), 4))
    behind = e.let(f"icmp ugt {PCS} {ready}, {paused_at}")
    following = e.reduce("umin", "i32", e.select(behind, "i32", LANES, ready, splat("i32", GONE, LANES)))
    some = e.let(f"icmp ne i32 {following}, {GONE}")
    return e.select(some, "i32", 1, following, lowest)
