"""Operands of instructions.

In: the cursor behind an instruction's name. Out: its operands, with the cursor on the `;`.
"""

from __future__ import annotations

from harness.vgpu.ptx.constants import constant, integer, literal, starts_constant
from harness.vgpu.ptx.names import Names
from harness.vgpu.ptx.program import (
    Address,
    Group,
    Indexed,
    Negated,
    Operand,
    Pair,
    Part,
    Register,
    Symbol,
    Vector,
)
from harness.vgpu.ptx.tokens import END, Cursor

_COMPONENTS = {"x": 0, "y": 1, "z": 2, "w": 3, "r": 0, "g": 1, "b": 2, "a": 3}
_PARTS = frozenset(("b0", "b1", "b2", "b3", "h0", "h1"))


def operands(cursor: Cursor, names: Names) -> tuple[Operand, ...]:
    """All operands of an instruction."""
    texts, meanings = cursor.texts, names.meanings
    at = cursor.at
    if texts[at] == ";":
        return ()
    found: list[Operand] = []
    while True:
        text, following = texts[at], texts[at + 1]
        if following == "," or following == ";":
            # By far the most operands are one token.
            operand = meanings.get(text) or literal(text)
            if operand is None:
                cursor.at = at
                operand = _named(cursor, names)
            at += 1
        else:
            cursor.at = at
            operand = _operand(cursor, names)
            at = cursor.at
            following = texts[at]
        found.append(operand)
        at += 1
        if following == ";":
            cursor.at = at - 1
            return tuple(found)
        if following != ",":
            cursor.at = at - 1
            cursor.fail(f"expected ',' or ';', found '{following or 'the end of the text'}'")


def call_operands(cursor: Cursor, names: Names) -> tuple[Operand, ...]:
    """Operands of a `call`: returns, target, arguments, and a prototype if there is one.

    The prototype is the label of a `.callprototype` or `.calltargets`, or an array of functions.
    """
    returns = arguments = Group(())
    if cursor.peek() == "(":
        returns = _group(cursor, names)
        cursor.expect(",")
    target = _named(cursor, names)
    prototype: tuple[Operand, ...] = ()
    while cursor.accept(","):
        if cursor.peek() == "(" and not prototype:
            arguments = _group(cursor, names)
        elif not prototype:
            name = cursor.name()
            prototype = (names.meanings.get(name) or Symbol(name),)
        else:
            cursor.fail("a call has too many operands")
    return (returns, target, arguments, *prototype)


def _operand(cursor: Cursor, names: Names) -> Operand:
    text = cursor.peek()
    if text == "[":
        return _address(cursor, names)
    if text == "{":
        return Vector(_list(cursor, names, "{", "}"))
    if text == "!" and not starts_constant(cursor.texts[cursor.at + 1]):
        cursor.at += 1
        negated = _named(cursor, names)
        if isinstance(negated, Register) and negated.type == "pred":
            return Negated(negated)
        cursor.fail("'!' needs a predicate register")
    if starts_constant(text):
        return constant(cursor)
    operand = _named(cursor, names)
    following = cursor.peek()
    if following == "|":
        cursor.at += 1
        return Pair(operand, _named(cursor, names))
    if following == "+" and isinstance(operand, Symbol):
        return Symbol(operand.name, integer(cursor))
    if following == "+":
        cursor.refuse("a sum as an operand")
    if following == "[":
        cursor.refuse("an array element as an operand")
    return operand


def _named(cursor: Cursor, names: Names) -> Operand:
    """One token: a register, symbol, special register, `_`, number, or component of a vector."""
    text = cursor.take()
    found = names.meanings.get(text) or literal(text)
    if found is not None:
        return found
    base, _, suffix = text.rpartition(".")
    whole = names.meanings.get(base)
    if isinstance(whole, Vector) and _COMPONENTS.get(suffix, 4) < len(whole.elements):
        return whole.elements[_COMPONENTS[suffix]]
    if isinstance(whole, Register) and suffix in _PARTS:
        return Part(whole, suffix)
    cursor.at -= 1
    if text is END or not (text[0].isalnum() or text[0] in "%$_"):
        cursor.fail(f"expected an operand, found '{text or 'the end of the text'}'")
    return cursor.fail(f"'{text}' is not a number" if text[0].isdigit() else f"'{text}' is not declared")


def _address(cursor: Cursor, names: Names) -> Operand:
    line_start = cursor.at
    cursor.expect("[")
    if starts_constant(cursor.peek()):
        found = Address(None, integer(cursor))
    else:
        base = _named(cursor, names)
        if not isinstance(base, Register | Symbol):
            cursor.at = line_start
            cursor.fail("an address needs a register, a variable or a number")
        # A negative offset is written [base+-4]; ptxas refuses [base-4].
        offset = integer(cursor) if cursor.peek() == "+" else 0
        found = Address(base, offset)
    if cursor.accept("]"):
        return found
    parts: list[Operand] = []
    while cursor.accept(","):
        parts.append(_operand(cursor, names))
    cursor.expect("]")
    return Indexed(found, tuple(parts))


def _group(cursor: Cursor, names: Names) -> Group:
    return Group(_list(cursor, names, "(", ")"))


def _list(cursor: Cursor, names: Names, opening: str, closing: str) -> tuple[Operand, ...]:
    cursor.expect(opening)
    if cursor.accept(closing):
        return ()
    elements = [_operand(cursor, names)]
    while cursor.accept(","):
        elements.append(_operand(cursor, names))
    cursor.expect(closing)
    return tuple(elements)
