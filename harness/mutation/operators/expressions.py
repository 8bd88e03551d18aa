"""Mistakes in expressions: another operator, a term or factor left out, operands or arguments in the wrong order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from harness.mutation.operators.change import Change, replaced, short
from harness.mutation.parsing import Node, field, text

ARITHMETIC = {
    "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["/"],
    "<<": [">>"], ">>": ["<<"], "&": ["|"], "|": ["&"], "^": ["|"],
    "+=": ["-=", "="], "-=": ["+=", "="], "*=": ["/=", "="], "/=": ["*="],
}  # fmt: skip
RELATIONAL = {"<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="]}
LOGICAL = {"&&": ["||"], "||": ["&&"]}
KEEPS_LEFT = ("+", "-", "*", "/", "%")
KEEPS_RIGHT = ("+", "-", "*")
ORDERED = ("-", "/", "%", "<<", ">>")
COMMUTATIVE_CALLS = frozenset(
    ["fmaxf", "fminf", "fmax", "fmin", "max", "min", "__hadd", "__hadd2", "__hmul", "__hmul2", "__hmax", "__hmin"]
)


def arithmetic(node: Node) -> Iterator[Change]:
    """Another arithmetic operator, plain or assigning."""
    yield from _other_operator(node, ARITHMETIC)


def relational(node: Node) -> Iterator[Change]:
    """A comparison whose boundary moves, or that turns round."""
    yield from _other_operator(node, RELATIONAL)


def logical(node: Node) -> Iterator[Change]:
    """And for or."""
    yield from _other_operator(node, LOGICAL)


def dropped_operand(node: Node) -> Iterator[Change]:
    """One side alone: a bias, a residual, a scale, an offset that is left out."""
    sign = text(field(node, "operator"))
    left, right = field(node, "left"), field(node, "right")
    if sign in KEEPS_LEFT:
        yield replaced(node, text(left), f"without {sign} {short(text(right))}")
    if sign in KEEPS_RIGHT:
        minus = "-" if sign == "-" else ""
        yield replaced(node, f"({minus}{text(right)})" if minus else text(right), f"without {short(text(left))} {sign}")


def dropped_sign(node: Node) -> Iterator[Change]:
    """-x, !x and ~x become x."""
    if (sign := text(field(node, "operator"))) in ("-", "!", "~"):
        yield replaced(node, text(field(node, "argument")), f"without the {sign} of {short(text(node))}")


def swapped_operands(node: Node) -> Iterator[Change]:
    """b - a for a - b; and row * cols + col with row and col exchanged."""
    sign = text(field(node, "operator"))
    left, right = field(node, "left"), field(node, "right")
    if sign in ORDERED:
        yield replaced(node, f"({text(right)}) {sign} ({text(left)})")
    if sign == "+" and left.type == "binary_expression" and text(field(left, "operator")) == "*":
        row, cols = text(field(left, "left")), text(field(left, "right"))
        yield replaced(node, f"({text(right)}) * {cols} + {row}")


def swapped_arguments(node: Node) -> Iterator[Change]:
    """Two neighbouring arguments of a call, exchanged, where the order matters."""
    if text(field(node, "function")) in COMMUTATIVE_CALLS:
        return
    arguments = field(node, "arguments").named_children
    for one, other in pairwise(arguments):
        if text(one) != text(other):
            between = (node.text or b"")[one.end_byte - node.start_byte : other.start_byte - node.start_byte].decode()
            description = f"arguments {short(text(one))} and {short(text(other))} exchanged"
            yield Change(one.start_byte, other.end_byte, text(other) + between + text(one), description)


def shifted_subscript(node: Node) -> Iterator[Change]:
    """The neighbour of an element."""
    for index in field(node, "indices").named_children:
        yield replaced(index, f"({text(index)}) + 1")


def replaced_call(node: Node) -> Iterator[Change]:
    """Another intrinsic with the same parameters."""
    function = field(node, "function")
    for other in INTRINSICS.get(text(function), ()):
        yield replaced(function, other)


INTRINSICS = {
    "rsqrtf": ["sqrtf"], "sqrtf": ["rsqrtf"], "rsqrt": ["sqrt"], "sqrt": ["rsqrt"],
    "fmaxf": ["fminf"], "fminf": ["fmaxf"], "fmax": ["fmin"], "fmin": ["fmax"], "max": ["min"], "min": ["max"],
    "expf": ["exp2f", "expm1f"], "__expf": ["exp2f"], "exp2f": ["expf"], "expm1f": ["expf"], "exp": ["exp2"],
    "logf": ["log2f"], "log2f": ["logf"], "log1pf": ["logf"], "__logf": ["log2f"],
    "tanhf": ["erff"], "erff": ["tanhf"], "erfcf": ["erff"], "sinf": ["cosf"], "cosf": ["sinf"],
    "fabsf": ["+"], "abs": ["+"], "fabs": ["+"], "floorf": ["ceilf"], "ceilf": ["floorf"],
    "rintf": ["truncf"], "roundf": ["truncf"], "__float2int_rn": ["__float2int_rz"], "__fdividef": ["fmaxf"],
    "__float2half_rn": ["__float2half_rz"], "__float2half": ["__float2half_rz"],
    "__float2bfloat16_rn": ["__float2bfloat16_rz"], "__float2bfloat16": ["__float2bfloat16_rz"],
    "__low2half": ["__high2half"], "__high2half": ["__low2half"], "__low2float": ["__high2float"],
    "__high2float": ["__low2float"], "__hadd": ["__hsub"], "__hadd2": ["__hsub2"], "__hsub": ["__hadd"],
    "__hmul": ["__hadd"], "__hmul2": ["__hadd2"], "__hmax": ["__hmin"], "__hmin": ["__hmax"],
    "atomicAdd": ["atomicMax", "atomicExch"], "atomicMax": ["atomicMin"], "atomicMin": ["atomicMax"],
    "__popc": ["__clz"], "__ffs": ["__clz"], "__ballot_sync": ["__match_any_sync"],
    "__all_sync": ["__any_sync"], "__any_sync": ["__all_sync"],
}  # fmt: skip


def _other_operator(node: Node, table: dict[str, list[str]]) -> Iterator[Change]:
    operator = field(node, "operator")
    for other in table.get(text(operator), ()):
        yield replaced(operator, other, f"{text(operator)} → {other} in {short(text(node))}")
