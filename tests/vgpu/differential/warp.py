"""Instructions of a warp: what each lane brings, and what all get back (PTX ISA: shfl.sync, vote.sync, redux.sync, ...).

In: an instruction, and the operands of every lane that takes part. Out: each lane's results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from harness.vgpu.ptx.program import Instruction, Operand, Pair, Sink
from tests.vgpu.differential.semantics import signed, width

UNDEFINED = 0xDEADBEEF  # what a lane reads from one that takes no part: PTX leaves it open

Typed: TypeAlias = tuple[Operand, int]
Plan: TypeAlias = tuple[list[Typed], list[Typed], Operand]  # results, what a lane brings, the member mask


def _shfl(i: Instruction) -> Plan:
    d, a, b, c, mask = i.operands
    first, second = (d.first, d.second) if isinstance(d, Pair) else (d, Sink())
    return [(first, 32), (second, 1)], [(a, 32), (b, 32), (c, 32)], mask


def _vote(i: Instruction) -> Plan:
    d, a, mask = i.operands
    return [(d, 32 if "ballot" in i.modifiers else 1)], [(a, 1)], mask


def _redux(i: Instruction) -> Plan:
    d, a, mask = i.operands
    return [(d, 32)], [(a, 32)], mask


def _match(i: Instruction) -> Plan:
    d, a, mask = i.operands
    first, second = (d.first, d.second) if isinstance(d, Pair) else (d, Sink())
    return [(first, 32), (second, 1)], [(a, width(i.modifiers[-1]))], mask


def _bar(i: Instruction) -> Plan:
    return [], [], i.operands[0]


WARP_INSTRUCTIONS: dict[str, Callable[[Instruction], Plan]] = {
    "shfl": _shfl,
    "vote": _vote,
    "redux": _redux,
    "match": _match,
    "bar": _bar,
    "barrier": _bar,
}


def exchange(i: Instruction, lanes: dict[int, tuple[int, ...]]) -> dict[int, tuple[int, ...]]:
    """All lanes have come: their results, in the order of the plan."""
    if i.opcode == "shfl":
        return {lane: _shuffled(i.modifiers[1], lane, lanes) for lane in lanes}
    if i.opcode == "vote":
        answer = _voted(i.modifiers[1], {lane: values[0] for lane, values in lanes.items()})
        return dict.fromkeys(lanes, (answer,))
    if i.opcode == "redux":
        values = [v for (v,) in lanes.values()]
        return dict.fromkeys(lanes, (_reduced(i.modifiers[1], i.modifiers[2], values),))
    if i.opcode == "match":
        return {lane: _matched(i.modifiers[1], value, lanes) for lane, (value,) in lanes.items()}
    return dict.fromkeys(lanes, ())


def _shuffled(mode: str, lane: int, lanes: dict[int, tuple[int, ...]]) -> tuple[int, int]:
    """The pseudocode of shfl.sync."""
    own, b, c = lanes[lane]
    bval, cval, mask = b & 31, c & 31, c >> 8 & 31
    max_lane = lane & mask | cval & ~mask
    min_lane = lane & mask
    if mode == "up":
        j, pval = lane - bval, lane - bval >= max_lane
    elif mode == "down":
        j, pval = lane + bval, lane + bval <= max_lane
    elif mode == "bfly":
        j, pval = lane ^ bval, lane ^ bval <= max_lane
    else:
        j = min_lane | bval & ~mask
        pval = j <= max_lane
    if not pval:
        return own, 0
    return lanes[j][0] if j in lanes else UNDEFINED, 1


def _voted(mode: str, votes: dict[int, int]) -> int:
    if mode == "ballot":
        return sum(vote << lane for lane, vote in votes.items())
    return int({"all": all, "any": any, "uni": lambda v: len(set(v)) == 1}[mode](votes.values()))


def _reduced(operation: str, type_: str, values: list[int]) -> int:
    numbers = [signed(v, 32) if type_[0] == "s" else v for v in values]
    total = numbers[0]
    for value in numbers[1:]:
        total = {"add": lambda a, b: a + b, "min": min, "max": max, "and": lambda a, b: a & b,
                 "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b}[operation](total, value)  # fmt: skip
    return total & 0xFFFFFFFF


def _matched(mode: str, value: int, lanes: dict[int, tuple[int, ...]]) -> tuple[int, int]:
    same = sum(1 << lane for lane, (other,) in lanes.items() if other == value)
    if mode == "any":
        return same, 0
    everyone = sum(1 << lane for lane in lanes)
    return (everyone, 1) if same == everyone else (0, 0)
