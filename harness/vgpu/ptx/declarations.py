"""Variables, registers and parameters as PTX declares them.

In: the cursor on a declaration. Out: `Variable`s and `Register`s. Names are taken as written; who declares them in
a scope makes them unique.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from harness.vgpu.ptx.constants import constant, integer, literal, starts_constant
from harness.vgpu.ptx.names import Names
from harness.vgpu.ptx.program import SIZES, Float, Integer, Masked, Operand, Space, Symbol, Variable, type_size
from harness.vgpu.ptx.tokens import Cursor

SPACES: dict[str, Space] = {f".{space}": space for space in ("reg", "const", "global", "local", "param", "shared")}

_TYPES = frozenset((*(f".{type_}" for type_ in SIZES), ".pred"))
_LENGTHS = {".v2": 2, ".v4": 4, ".v8": 8}
_OPAQUE = frozenset((".texref", ".samplerref", ".surfref"))


@dataclass(frozen=True, slots=True)
class Prefix:
    """What stands before the names of a declaration and holds for all of them."""

    space: Space
    type: str
    vector: int
    alignment: int | None

    @property
    def bytes_aligned(self) -> int:
        """The alignment, by default that of one element with all its vector components."""
        return self.alignment or self.vector * type_size(self.type)


def prefix(cursor: Cursor) -> Prefix:
    """`.space .align 8 .v4 .f32`, in any order behind the space, up to the first name."""
    space = SPACES.get(cursor.take())
    if space is None:
        cursor.at -= 1
        cursor.fail("expected a variable's state space")
    type_, vector, alignment = "", 1, None
    while cursor.peek().startswith("."):
        text = cursor.take()
        if text in _TYPES:
            type_ = text[1:]
        elif text in _LENGTHS:
            vector = _LENGTHS[text]
        elif text == ".align":
            alignment = _alignment(cursor)
        elif text == ".ptr":
            _pointee(cursor)
        elif text == ".attribute":
            skip_group(cursor)
        else:
            cursor.at -= 1
            if text in _OPAQUE:
                cursor.refuse(f"a {text} variable")
            cursor.fail(f"'{text}' has no meaning in a declaration")
    if not type_:
        cursor.fail("a declaration without a type")
    return Prefix(space, type_, vector, alignment)


def registers(cursor: Cursor) -> Iterator[tuple[str, str, int]]:
    """The names, type and vector length of a `.reg` declaration; moves over its `;`."""
    found = prefix(cursor)
    while True:
        name = cursor.name()
        if cursor.accept("<"):
            count = literal(cursor.peek())
            if not isinstance(count, Integer):
                cursor.fail(f"expected a number of registers, found '{cursor.peek()}'")
            cursor.at += 1
            cursor.expect(">")
            yield from ((f"{name}{index}", found.type, found.vector) for index in range(count.value))
        else:
            yield name, found.type, found.vector
        if not cursor.accept(","):
            break
    cursor.expect(";")


def variables(cursor: Cursor, names: Names, *, extern: bool = False) -> Iterator[Variable]:
    """The variables of a declaration, one after the other, so that each may name those before; moves over its `;`."""
    found = prefix(cursor)
    if found.type == "pred":
        cursor.fail("a predicate cannot be a variable")
    while True:
        name = cursor.name()
        shape = _shape(cursor)
        values: tuple[Operand, ...] | None = None
        if cursor.accept("="):
            if found.space not in ("const", "global"):
                cursor.fail(f"a variable in .{found.space} cannot have an initial value")
            values = _initializer(cursor, names, found, shape)
            if shape[:1] == (0,):
                inner = prod(shape[1:]) * found.vector
                shape = (-(-len(values) // inner), *shape[1:])
        elif 0 in shape and not extern:
            cursor.fail(f"the array '{name}' needs a size, initial values or .extern")
        yield Variable(name, found.space, found.type, found.bytes_aligned, shape, found.vector, values, extern)
        if not cursor.accept(","):
            break
    cursor.expect(";")


def parameters(cursor: Cursor) -> tuple[Variable, ...]:
    """`(.param .b32 a, .param .align 8 .b8 b[24])`."""
    cursor.expect("(")
    found: list[Variable] = []
    if cursor.accept(")"):
        return ()
    while True:
        common = prefix(cursor)
        name = cursor.name()
        alignment = 1 if common.type == "pred" else common.bytes_aligned
        found.append(Variable(name, common.space, common.type, alignment, _shape(cursor), common.vector))
        if not cursor.accept(","):
            break
    cursor.expect(")")
    return tuple(found)


def skip_group(cursor: Cursor) -> None:
    """Move over `( … )`, which may nest."""
    cursor.expect("(")
    depth = 1
    while depth:
        text = cursor.take()
        depth += (text == "(") - (text == ")")


def _alignment(cursor: Cursor) -> int:
    alignment = integer(cursor)
    if alignment < 1 or alignment & (alignment - 1):
        cursor.fail(f"an alignment of {alignment} is not a power of two")
    return alignment


def _pointee(cursor: Cursor) -> None:
    """`.ptr .global .align 16`: a promise on what a parameter points to, which nothing here relies on."""
    while cursor.peek() == ".align" or cursor.peek().partition("::")[0] in SPACES:
        if cursor.take() == ".align":
            integer(cursor)


def _shape(cursor: Cursor) -> tuple[int, ...]:
    shape: list[int] = []
    while cursor.accept("["):
        shape.append(0 if cursor.peek() == "]" else integer(cursor))
        cursor.expect("]")
    return tuple(shape)


# --- initializers -----------------------------------------------------------------------------


def _initializer(cursor: Cursor, names: Names, common: Prefix, shape: tuple[int, ...]) -> tuple[Operand, ...]:
    extents = (*shape, common.vector) if common.vector > 1 else shape
    if bool(extents) != (cursor.peek() == "{"):
        cursor.fail("an array needs its initial values in braces, a scalar does not have them")
    if not extents:
        return (_value(cursor, names, common.type),)
    values = _values(cursor, names, common.type, extents)
    limit = prod(extents)
    if len(values) > limit and 0 not in extents:
        cursor.fail(f"{len(values)} initial values for {limit} elements")
    return tuple(values)


def _values(cursor: Cursor, names: Names, type_: str, extents: tuple[int, ...]) -> list[Operand]:
    """`{…}`, flattened. Inner braces are filled up with zeros, the outermost are not."""
    cursor.expect("{")
    found: list[Operand] = []
    if cursor.accept("}"):
        return found
    while True:
        if cursor.peek() == "{":
            if len(extents) < 2:
                cursor.fail("initial values nest deeper than the array")
            size = prod(extents[1:])
            row = _values(cursor, names, type_, extents[1:])
            if len(row) > size:
                cursor.fail(f"{len(row)} initial values for {size} elements")
            found += row + [Integer(0)] * (size - len(row))
        elif len(extents) > 1:
            cursor.fail("the rows of an array need braces of their own")
        else:
            found.append(_value(cursor, names, type_))
        if not cursor.accept(","):
            break
    cursor.expect("}")
    return found


def _value(cursor: Cursor, names: Names, type_: str) -> Operand:
    """A number, the address of a variable or function, or a byte of one: `0xFF00(x)`."""
    if _starts_symbol(cursor, names):
        return _symbol(cursor, names)
    mask = literal(cursor.peek())
    if isinstance(mask, Integer) and cursor.texts[cursor.at + 1] == "(":
        cursor.at += 2
        symbol = _symbol(cursor, names)
        cursor.expect(")")
        return Masked(symbol, mask.value)
    number = constant(cursor)
    if isinstance(number, Float) != (type_ in ("f32", "f64")):
        cursor.fail(f"the initial value of a .{type_} is of another kind")
    return _as_type(number, type_)


def _starts_symbol(cursor: Cursor, names: Names) -> bool:
    text = cursor.peek()
    return text in names.meanings or not starts_constant(text)


def _symbol(cursor: Cursor, names: Names) -> Symbol:
    """`x`, `x+8`, `generic(x)+8`, `generic(x+8)`: all the same address here."""
    if cursor.peek() == "generic" and cursor.texts[cursor.at + 1] == "(":
        cursor.at += 2
        symbol = _symbol(cursor, names)
        cursor.expect(")")
        return Symbol(symbol.name, symbol.offset + _offset(cursor))
    name = cursor.name()
    found = names.meanings.get(name)
    if not isinstance(found, Symbol):
        cursor.at -= 1
        cursor.fail(f"'{name}' is not declared")
    return Symbol(found.name, _offset(cursor))


def _offset(cursor: Cursor) -> int:
    return integer(cursor) if cursor.peek() == "+" else 0


def _as_type(number: Integer | Float, type_: str) -> Integer | Float:
    """A decimal float has 64 bits; in a variable of 32 it is rounded to them."""
    if type_ == "f32" and isinstance(number, Float) and number.width == 64:
        value = struct.unpack("<d", struct.pack("<Q", number.bits))[0]
        return Float(struct.unpack("<I", struct.pack("<f", value))[0], 32)
    return number
