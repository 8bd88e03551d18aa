"""From a flat list of instructions and labels to basic blocks with their successors.

In: what a function's body holds, in order; a string is a label. Out: the blocks that can be reached, in the order
of the text, as `program.Block` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.vgpu.ptx.program import Block, Instruction, Symbol

_LEAVES = frozenset(("ret", "exit", "trap"))
_JUMPS = frozenset(("bra", "brx"))
_TRANSFERS = _LEAVES | _JUMPS


def blocks(
    body: Sequence[Instruction | str], tables: Mapping[str, tuple[str, ...]], end_line: int
) -> tuple[Block, ...]:
    """The control-flow graph of `body`. `tables` are the `.branchtargets` lists; control may fall off at `end_line`."""
    pieces = _cut([*body, Instruction("ret", (), (), None, end_line, None)])
    index_of = {label: index for index, piece in enumerate(pieces) for label in piece.labels}
    successors = [_successors(piece.instructions[-1], index, index_of, tables) for index, piece in enumerate(pieces)]
    kept = sorted(_reachable(successors))
    place = {index: position for position, index in enumerate(kept)}
    return tuple(
        Block(
            index=place[index],
            labels=tuple(pieces[index].labels),
            instructions=tuple(pieces[index].instructions),
            successors=tuple(place[successor] for successor in successors[index]),
        )
        for index in kept
    )


@dataclass(slots=True)
class _Piece:
    labels: list[str] = field(default_factory=list)
    instructions: list[Instruction] = field(default_factory=list)


def _cut(body: Sequence[Instruction | str]) -> list[_Piece]:
    """Cut before labels and behind transfers of control. Labels in a row share a piece; the last item ends one."""
    pieces = [_Piece()]
    for item in body:
        if isinstance(item, str):
            if pieces[-1].instructions:
                pieces.append(_Piece())
            pieces[-1].labels.append(item)
            continue
        pieces[-1].instructions.append(item)
        if item.opcode in _TRANSFERS:
            pieces.append(_Piece())
    return pieces[:-1]


def _successors(
    last: Instruction, index: int, index_of: Mapping[str, int], tables: Mapping[str, tuple[str, ...]]
) -> tuple[int, ...]:
    """Where control goes behind `last`: the targets, then the next piece if control can fall through."""
    targets: tuple[int, ...] = ()
    if last.opcode == "bra":
        targets = (index_of[_name(last, 0)],)
    elif last.opcode == "brx":
        targets = tuple(index_of[label] for label in tables[_name(last, 1)])
    falls_through = last.opcode not in _TRANSFERS or last.guard is not None
    return (*targets, index + 1) if falls_through else targets


def _name(instruction: Instruction, operand: int) -> str:
    symbol = instruction.operands[operand]
    assert isinstance(symbol, Symbol)
    return symbol.name


def _reachable(successors: Sequence[tuple[int, ...]]) -> set[int]:
    seen, pending = {0}, [0]
    while pending:
        for successor in successors[pending.pop()]:
            if successor not in seen:
                seen.add(successor)
                pending.append(successor)
    return seen
