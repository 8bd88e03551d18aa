"""Mistakes in values: constants, identities of reductions, types that are too narrow."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.mutation.operators.change import Change, replaced, short
from harness.mutation.parsing import Node, ancestors, field, text

_INTEGER = re.compile(r"(0[xX][0-9a-fA-F]+|0[bB][01]+|\d+)([uUlL]*)")
_REAL = re.compile(r"(\d+\.\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)([fFlL]?)")
_LOWEST = re.compile(
    r"-\s*(INFINITY|CUDART_INF_F|HUGE_VALF|FLT_MAX|1e[1-9]\d*f?)|__int_as_float\(\s*0xff800000u?\s*\)"
    r"|-\s*std::numeric_limits<float>::infinity\(\)",
    re.IGNORECASE,
)
PERTURBED = 1.001  # far beyond the rounding of FP32, and small enough to ask for a tight comparison
IDENTITIES = ("0.0f", "-1e4f")


def constant(node: Node) -> Iterator[Change]:
    """0 → 1, n → n ± 1, true → false; a real number by a thousandth, and 0 and 1 for each other."""
    number = text(node).replace("'", "")
    if number in ("true", "false"):
        yield replaced(node, "false" if number == "true" else "true")
    elif match := _INTEGER.fullmatch(number):
        octal = re.fullmatch("0[0-7]+", match[1])
        value = int(match[1], 8 if octal else 0)
        for other in (value + 1, value - 1) if value else (1,):
            yield replaced(node, (hex(other) if match[1].lower().startswith("0x") else str(other)) + match[2])
    elif match := _REAL.fullmatch(number):
        real = float(match[1])
        for changed in {0.0: (1.0,), 1.0: (0.0, PERTURBED)}.get(real, (real * PERTURBED,)):
            yield replaced(node, f"{changed:.9g}" + ("" if changed % 1 else ".0") + match[2])


def identity(node: Node) -> Iterator[Change]:
    """What a maximum starts from: 0, or a number that some data may lie below, instead of -inf."""
    parent = node.parent
    if _LOWEST.fullmatch(text(node)) and not (parent is not None and _LOWEST.fullmatch(text(parent))):
        for other in IDENTITIES:
            yield replaced(node, other)


def narrowed_index(node: Node) -> Iterator[Change]:
    """`long long` and `size_t` become `int`."""
    if " ".join(text(node).split()) in ("long long", "unsigned long long", "long", "size_t", "int64_t", "uint64_t"):
        narrow = "unsigned" if text(node).startswith(("unsigned", "size_t", "uint")) else "int"
        place = node.parent.parent if node.parent is not None and node.parent.parent is not None else node
        yield replaced(node, narrow, f"{text(node)} → {narrow} in {short(text(place))}")


def narrowed_float(node: Node) -> Iterator[Change]:
    """A float variable that keeps the 11 bits of a half after each assignment."""
    if node.type == "init_declarator":
        declaration = node.parent
        if declaration is None or declaration.type != "declaration" or text(field(declaration, "type")) != "float":
            return
        value = field(node, "value")
        if value.type not in ("number_literal", "initializer_list", "argument_list"):
            yield replaced(value, _halved(text(value)), f"{short(text(node))}, rounded to half")
        return
    left, right, sign = field(node, "left"), field(node, "right"), text(field(node, "operator"))
    if _declared_float(left):
        result = text(right) if sign == "=" else f"{text(left)} {sign[:-1]} ({text(right)})"
        yield replaced(node, f"{text(left)} = {_halved(result)}", f"{short(text(node))}, rounded to half")


def _halved(value: str) -> str:
    return f"__half2float(__float2half_rn({value}))"


def _declared_float(place: Node) -> bool:
    """Whether a name, or the variable of which this is an element or member, is declared with float in its type."""
    name = re.match(r"\w+", text(place))
    function = next((above for above in ancestors(place) if above.type == "function_definition"), None)
    if name is None or function is None:
        return False
    declared = re.compile(rf"\bfloat\b[^*]*\b{name[0]}\b")
    waiting = [function]
    while waiting:
        node = waiting.pop()
        kind = node.type in ("declaration", "parameter_declaration")
        if kind and declared.search(text(node).partition("=")[0]):
            return True
        waiting += node.named_children
    return False
