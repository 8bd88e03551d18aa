"""Random PTX programs as trees of statements, and their text.

A program is a list of statements; any of them can be dropped and the rest is still a legal program, which is what
makes a failing one easy to shrink. Registers are all set before the first statement. Where a warp's instructions
stand, `{m}` in a line becomes the register that holds exactly the lanes of that region: a branch first asks, with a
ballot, who goes where.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import count
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Line:
    """Instructions that stay together. `{label}` starts a label of their own; `collective`: they name a mask."""

    texts: tuple[str, ...]
    collective: bool = False


@dataclass(frozen=True, slots=True)
class If:
    """Lanes where `predicate` holds run `then`, the others `otherwise`."""

    predicate: str
    setup: tuple[str, ...]
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """`limit` turns (a register or number, low two bits), the test at the top or at the bottom."""

    limit: str
    at_top: bool
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Jump:
    """Out of the innermost loop, or to its next turn, where `predicate` holds."""

    predicate: str
    leaves: bool


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of the lanes where `predicate` holds; `value`, if any, is what they leave behind."""

    predicate: str
    value: str
    opcode: str


@dataclass(frozen=True, slots=True)
class Switch:
    """brx.idx: `table` maps two bits of a register to cases."""

    register: str
    table: tuple[int, ...]
    cases: tuple[tuple[Statement, ...], ...]


@dataclass(frozen=True, slots=True)
class Jungle:
    """Chunks that jump to each other as they like, `fuel` chunks long: any control-flow graph, loops with two entries."""

    fuel: int
    chunks: tuple[tuple[Statement, ...], ...]
    jumps: tuple[tuple[str, int], ...]  # per chunk: where the predicate holds, on to this one


Statement: TypeAlias = Line | If | Loop | Jump | Exit | Switch | Jungle
Statements: TypeAlias = tuple[Statement, ...]


def bodies(statement: Statement) -> Iterator[tuple[str, int | None, Statements]]:
    """The lists of statements inside one: field, index in the field, list."""
    for field in fields(statement):
        value = getattr(statement, field.name)
        if field.name in ("then", "otherwise", "body"):
            yield field.name, None, value
        elif field.name in ("cases", "chunks"):
            for index, body in enumerate(value):
                yield field.name, index, body


def has_collective(statements: Sequence[Statement]) -> bool:
    return any(
        (isinstance(s, Line) and s.collective) or any(has_collective(body) for _, _, body in bodies(s))
        for s in statements
    )


# --- text -------------------------------------------------------------------------------------


class Writer:
    """Statements to PTX. Labels carry the program's prefix; registers %m, %l, %c, %n are numbered by depth."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.lines: list[str] = []
        self._count = count()
        self._loops: list[tuple[str, str, bool]] = []  # where to leave to, to go on at, whether masks are kept

    def label(self, hint: str) -> str:
        return f"{self.prefix}_{hint}{next(self._count)}"

    def write(self, statements: Sequence[Statement], depth: int = 0) -> None:
        for statement in statements:
            getattr(self, f"_{type(statement).__name__.lower()}")(statement, depth)

    def _line(self, s: Line, depth: int) -> None:
        label = self.label("")
        self.lines += [text.replace("{m}", f"%m{depth}").replace("{label}", label) for text in s.texts]

    def _if(self, s: If, depth: int) -> None:
        other, end = self.label("else"), self.label("end")
        self.lines += s.setup
        masks = has_collective((s,))
        if masks:
            self.lines.append(f"vote.sync.ballot.b32 %m{depth + 1}, {s.predicate}, %m{depth};")
        self.lines.append(f"@!{s.predicate} bra {other};")
        self.write(s.then, depth + 1)
        if s.otherwise:
            self.lines.append(f"bra {end};")
        self.lines.append(f"{other}:")
        if s.otherwise:
            if masks:
                self.lines += [f"not.b32 %t0, %m{depth + 1};", f"and.b32 %m{depth + 1}, %m{depth}, %t0;"]
            self.write(s.otherwise, depth + 1)
            self.lines.append(f"{end}:")

    def _loop(self, s: Loop, depth: int) -> None:
        head, following, end = self.label("head"), self.label("next"), self.label("end")
        turn, limit, mask = f"%c{depth}", f"%n{depth}", f"%m{depth + 1}"
        members = f"%l{depth}"  # the lanes in the loop; `mask`: those still in this turn
        masks = has_collective(s.body)
        self.lines += [f"mov.u32 {turn}, 0;", f"and.b32 {limit}, {s.limit}, 3;"]
        self.lines += [f"mov.b32 {members}, %m{depth};"] * masks
        self.lines.append(f"{head}:")
        if s.at_top:
            self.lines.append(f"setp.lt.u32 %q0, {turn}, {limit};")
            self.lines += [f"vote.sync.ballot.b32 {members}, %q0, {members};"] * masks
            self.lines.append(f"@!%q0 bra {end};")
        self.lines += [f"mov.b32 {mask}, {members};"] * masks
        self._loops.append((end, following, masks))
        self.write(s.body, depth + 1)
        self._loops.pop()
        self.lines += [f"{following}:", f"add.u32 {turn}, {turn}, 1;"]
        if s.at_top:
            self.lines.append(f"bra {head};")
        else:
            self.lines.append(f"setp.lt.u32 %q0, {turn}, {limit};")
            self.lines += [f"vote.sync.ballot.b32 {members}, %q0, {members};"] * masks
            self.lines.append(f"@%q0 bra {head};")
        self.lines.append(f"{end}:")

    def _jump(self, s: Jump, depth: int) -> None:
        if not self._loops:
            return
        end, following, masks = self._loops[-1]
        if masks:  # then it stands right in the loop's body
            self.lines.append(f"vote.sync.ballot.b32 %m{depth}, !{s.predicate}, %m{depth};")
            self.lines += [f"mov.b32 %l{depth - 1}, %m{depth};"] * s.leaves
        self.lines.append(f"@{s.predicate} bra {end if s.leaves else following};")

    def _exit(self, s: Exit, depth: int) -> None:
        if not s.value:
            self.lines.append(f"@{s.predicate} {s.opcode};")
            return
        over = self.label("stay")
        self.lines += [f"@!{s.predicate} bra {over};", f"st.global.b32 [%out], {s.value};", f"{s.opcode};", f"{over}:"]

    def _switch(self, s: Switch, depth: int) -> None:
        labels, end, table = [self.label("case") for _ in s.cases], self.label("end"), self.label("table")
        self.lines.append(f"{table}: .branchtargets {', '.join(labels[i] for i in s.table)};")
        self.lines += [f"and.b32 %t0, {s.register}, 3;", f"brx.idx %t0, {table};"]
        for label, body in zip(labels, s.cases, strict=True):
            self.lines.append(f"{label}:")
            self.write(body, depth + 1)
            self.lines.append(f"bra {end};")
        self.lines.append(f"{end}:")

    def _jungle(self, s: Jungle, depth: int) -> None:
        labels, end, fuel = [self.label("chunk") for _ in s.chunks], self.label("end"), f"%c{depth}"
        self.lines.append(f"mov.u32 {fuel}, {s.fuel};")
        for label, body, (predicate, target) in zip(labels, s.chunks, s.jumps, strict=True):
            self.lines += [f"{label}:", f"setp.eq.u32 %q0, {fuel}, 0;", f"@%q0 bra {end};",
                           f"sub.u32 {fuel}, {fuel}, 1;"]  # fmt: skip
            self.write(body, depth + 1)
            self.lines.append(f"@{predicate} bra {labels[target % len(labels)]};")
        self.lines.append(f"{end}:")
