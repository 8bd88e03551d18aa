"""The body of a function: scopes, declarations, labels, `.loc` and instructions.

In: the cursor on a `{`. Out: registers, variables and blocks, with every name resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from harness.vgpu.ptx import declarations, flow
from harness.vgpu.ptx.names import Names
from harness.vgpu.ptx.operands import call_operands, operands
from harness.vgpu.ptx.program import (
    Block,
    Function,
    Guard,
    Instruction,
    Operand,
    Register,
    SourceLine,
    Symbol,
    Variable,
    Vector,
)
from harness.vgpu.ptx.tokens import END, Cursor, is_name

_COMPONENTS = "xyzw"

Place: TypeAlias = tuple[str, str, str]  # file number, line and column of a `.loc`


@dataclass(frozen=True, slots=True)
class _LabelUse:
    """An operand that names a label: it is resolved when all labels are known."""

    place: int  # in the list of instructions and labels
    operand: int
    name: str
    scope: int
    line: int


@dataclass(slots=True)
class Body:
    """What a body has shown so far; `blocks()` when it is complete."""

    cursor: Cursor
    names: Names
    files: Mapping[int, str]
    registers: list[Register] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    call_prototypes: dict[str, Function] = field(default_factory=dict)
    _items: list[Instruction | str] = field(default_factory=list)  # a string is a label
    _uses: list[_LabelUse] = field(default_factory=list)
    _tables: dict[str, list[tuple[str, int, int]]] = field(default_factory=dict)  # targets: name, scope, line
    _source: SourceLine | None = None
    _sources: dict[tuple[Place, SourceLine | None], SourceLine | None] = field(default_factory=dict)
    _lines_at: dict[Place, SourceLine | None] = field(default_factory=dict)
    _heads: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)

    def read(self) -> None:
        """Read `{ … }`; its outermost names go to the scope that is open already."""
        cursor, names, texts = self.cursor, self.names, self.cursor.texts
        outermost = names.depth
        cursor.expect("{")
        while True:
            text = texts[cursor.at]
            if text == "{":
                cursor.at += 1
                names.open()
            elif text == "}":
                cursor.at += 1
                if names.depth == outermost:
                    return
                names.close()
            elif text[:1] == ".":
                self._directive(text)
            elif texts[cursor.at + 1] == ":" and is_name(text):
                self._label(text)
            elif text is END:
                cursor.fail("a function is not closed")
            else:
                self._instruction(text)

    def blocks(self, end_line: int) -> tuple[Block, ...]:
        """The control-flow graph, once labels are resolved."""
        tables = {label: tuple(self._resolve(*target) for target in targets) for label, targets in self._tables.items()}
        for use in self._uses:
            label = self._resolve(use.name, use.scope, use.line)
            instruction = self._items[use.place]
            assert isinstance(instruction, Instruction)
            if instruction.opcode == "brx" and label not in tables:
                self.cursor.fail(f"'{use.name}' is not a list of branch targets", use.line)
            if instruction.opcode == "bra" and label in tables:
                self.cursor.fail(f"'{use.name}' is a list of branch targets, not a place", use.line)
            if label != use.name:
                changed = list(instruction.operands)
                changed[use.operand] = Symbol(label)
                self._items[use.place] = replace(instruction, operands=tuple(changed))
        return flow.blocks(self._items, tables, end_line)

    # --- instructions -------------------------------------------------------------------------

    def _instruction(self, text: str) -> None:
        cursor = self.cursor
        guard = None
        if text == "@":
            guard = self._guard()
            text = cursor.peek()
        head = self._heads.get(text)
        if head is None:
            head = self._head(text)
        line = cursor.lines[cursor.at]
        cursor.at += 1
        if cursor.texts[cursor.at][:1] == ".":
            head = self._spread_head(text)
        opcode = head[0]
        if opcode == "bra" or opcode == "brx" or opcode == "call":
            found = self._transfer(opcode)
        else:
            found = operands(cursor, self.names)
        cursor.expect(";")
        self._items.append(Instruction(opcode, head[1], found, guard, line, self._source))

    def _head(self, text: str) -> tuple[str, tuple[str, ...]]:
        opcode, *modifiers = text.split(".")
        if not (opcode.isidentifier() and opcode.islower()):
            self.cursor.fail(f"expected an instruction, found '{text}'")
        return self._heads.setdefault(text, (opcode, tuple(modifiers)))

    def _spread_head(self, text: str) -> tuple[str, tuple[str, ...]]:
        """`mov .u32`: modifiers may stand apart."""
        while (modifier := self.cursor.peek()).startswith("."):
            text += modifier
            self.cursor.at += 1
        return self._head(text)

    def _guard(self) -> Guard:
        cursor = self.cursor
        cursor.at += 1
        negated = cursor.accept("!")
        register = self.names.meanings.get(cursor.peek())
        if not isinstance(register, Register) or register.type != "pred":
            cursor.fail(f"'{cursor.peek()}' is not a predicate register")
        cursor.at += 1
        return Guard(register, negated)

    def _transfer(self, opcode: str) -> tuple[Operand, ...]:
        """Operands of what may name labels."""
        cursor, names, place = self.cursor, self.names, len(self._items)
        line = cursor.line()
        if opcode == "call":
            found = call_operands(cursor, names)
            for prototype in found[3:]:
                if isinstance(prototype, Symbol) and prototype.name not in names.meanings:
                    self._uses.append(_LabelUse(place, 3, prototype.name, names.scope, line))
            return found
        index: tuple[Operand, ...] = ()
        if opcode == "brx":
            register = names.meanings.get(cursor.peek())
            if not isinstance(register, Register):
                cursor.fail(f"'{cursor.peek()}' is not a register")
            cursor.at += 1
            cursor.expect(",")
            index = (register,)
        name = cursor.name()
        self._uses.append(_LabelUse(place, len(index), name, names.scope, line))
        return (*index, Symbol(name))

    # --- labels -------------------------------------------------------------------------------

    def _label(self, name: str) -> None:
        cursor, names = self.cursor, self.names
        label = names.declare_label(name)
        if label is None:
            cursor.fail(f"'{name}' stands here a second time")
        cursor.at += 2
        text = cursor.peek()
        if text == ".branchtargets":
            cursor.at += 1
            line = cursor.line()
            self._tables[label] = [(target, names.scope, line) for target in self._name_list()]
        elif text == ".callprototype":
            cursor.at += 1
            self.call_prototypes[label] = self._prototype(label)
        elif text == ".calltargets":
            cursor.at += 1
            self._name_list()
        else:
            self._items.append(label)

    def _resolve(self, name: str, scope: int, line: int) -> str:
        label = self.names.label(name, scope)
        if label is None:
            self.cursor.fail(f"there is no label '{name}'", line)
        return label

    def _name_list(self) -> list[str]:
        found = [self.cursor.name()]
        while self.cursor.accept(","):
            found.append(self.cursor.name())
        self.cursor.expect(";")
        return found

    def _prototype(self, label: str) -> Function:
        cursor = self.cursor
        line = cursor.line()
        returns = declarations.parameters(cursor) if cursor.peek() == "(" else ()
        cursor.expect("_")
        parameters = declarations.parameters(cursor) if cursor.peek() == "(" else ()
        directives = function_directives(cursor)
        cursor.expect(";")
        return Function(label, False, parameters, returns, (), (), (), directives, line)

    # --- directives ---------------------------------------------------------------------------

    def _directive(self, text: str) -> None:
        handler = _DIRECTIVES.get(text)
        if handler is None:
            self.cursor.fail(f"'{text}' has no meaning in a function")
        handler(self)

    def _loc(self) -> None:
        """`.loc file line column[, function_name label[+n], inlined_at file line column]`."""
        cursor, texts, at = self.cursor, self.cursor.texts, self.cursor.at
        place = texts[at + 1], texts[at + 2], texts[at + 3]
        if not all(text.isdecimal() for text in place):
            cursor.fail("'.loc' needs a file, a line and a column")
        at += 4
        caller = None
        if texts[at] == "," and texts[at + 1] == "function_name":
            at += 5 if texts[at + 3] == "+" else 3
            if texts[at] != "," or texts[at + 1] != "inlined_at":
                cursor.fail("'.loc' needs 'inlined_at' behind a function's name")
            caller = texts[at + 2], texts[at + 3], texts[at + 4]
            if not all(text.isdecimal() for text in caller):
                cursor.fail("'inlined_at' needs a file, a line and a column")
            at += 5
        cursor.at = at
        # the caller's own line, given just before, tells where the caller is inlined in turn
        outer = self._lines_at.get(caller) or self._source_line(caller, None) if caller else None
        self._source = self._lines_at[place] = self._source_line(place, outer)

    def _source_line(self, place: Place, inlined_at: SourceLine | None) -> SourceLine | None:
        key = place, inlined_at
        if key not in self._sources:
            path, line = self.files.get(int(place[0])), int(place[1])
            # line 0 is the compiler's word for "no line"
            self._sources[key] = SourceLine(path, line, inlined_at) if path and line else None
        return self._sources[key]

    def _registers(self) -> None:
        names = self.names
        for name, type_, length in declarations.registers(self.cursor):
            self._refuse_second(name)
            unique = names.unique(name)
            if length == 1:
                register = Register(unique, type_)
                names.declare(name, register)
                self.registers.append(register)
            else:
                parts = tuple(Register(f"{unique}.{_COMPONENTS[index]}", type_) for index in range(length))
                names.declare(name, Vector(parts))
                self.registers += parts

    def _variables(self) -> None:
        names = self.names
        for variable in declarations.variables(self.cursor, names):
            self._refuse_second(variable.name)
            unique = names.unique(variable.name)
            names.declare(variable.name, Symbol(unique))
            self.variables.append(variable if unique == variable.name else replace(variable, name=unique))

    def _refuse_second(self, name: str) -> None:
        if self.names.is_declared_here(name):
            self.cursor.fail(f"'{name}' is declared a second time")

    def _pragma(self) -> None:
        skip_pragma(self.cursor)


def function_directives(cursor: Cursor) -> dict[str, tuple[int, ...]]:
    """`.maxntid 256, 1, 1` and the like between a function's parameters and its body, by name with their numbers."""
    found: dict[str, tuple[int, ...]] = {}
    while (text := cursor.peek()).startswith("."):
        if text == ".pragma":
            skip_pragma(cursor)
            continue
        cursor.at += 1
        if text == ".attribute":
            declarations.skip_group(cursor)
            continue
        numbers: list[int] = []
        while cursor.peek().isdecimal():
            numbers.append(int(cursor.take()))
            if not cursor.accept(","):
                break
        found[text[1:]] = tuple(numbers)
    return found


def skip_pragma(cursor: Cursor) -> None:
    """`.pragma "nounroll", "…";`: hints that change no result."""
    cursor.at += 1
    while cursor.take() != ";":
        pass


_DIRECTIVES: dict[str, Callable[[Body], None]] = {
    ".loc": Body._loc,
    ".reg": Body._registers,
    ".pragma": Body._pragma,
    **dict.fromkeys((".local", ".shared", ".param", ".const", ".global"), Body._variables),
}
