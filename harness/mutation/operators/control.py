"""Mistakes in control flow: statements left out, guards that always or never hold, loops that start or end wrong."""

from __future__ import annotations

from collections.abc import Iterator

from harness.mutation.operators.change import Change, replaced, short
from harness.mutation.parsing import Node, field, text

BARRIERS = ("__syncthreads", "__syncwarp")


def removed_statement(node: Node) -> Iterator[Change]:
    """Nothing instead of an assignment, a call, `return;`, `break` or `continue`; barriers have their own rule."""
    if not text(node).startswith(BARRIERS) and text(node) != ";":
        bare = node.type != "return_statement" or text(node).replace(" ", "") == "return;"
        if bare and not (node.parent is not None and node.parent.type == "for_statement" and _is_header(node)):
            yield replaced(node, ";", f"without {short(text(node))}")


def guard(node: Node) -> Iterator[Change]:
    """A condition that always holds, never holds, or is turned round."""
    condition = field(node, "condition")
    inner = condition.child_by_field_name("value") or condition
    if any("constexpr" in text(child) for child in node.children if not child.is_named or child.type == "constexpr"):
        return
    yield replaced(inner, "true", f"if ({short(text(inner))}) → if (true)")
    yield replaced(inner, "false", f"if ({short(text(inner))}) → if (false)")
    yield replaced(inner, f"!({text(inner)})", f"if ({short(text(inner))}) turned round")


def chosen(node: Node) -> Iterator[Change]:
    """`a ? b : c` becomes b, c, or !a ? b : c: a mask or a bound that is not looked at."""
    condition, one, other = (field(node, name) for name in ("condition", "consequence", "alternative"))
    yield replaced(node, f"({text(one)})", f"always {short(text(one))} of {short(text(node))}")
    yield replaced(node, f"({text(other)})", f"always {short(text(other))} of {short(text(node))}")
    yield replaced(condition, f"!({text(condition)})", f"{short(text(node))} turned round")


def loop(node: Node) -> Iterator[Change]:
    """A loop that never runs, starts a step late, takes double steps, stops one early, or drops its remainder."""
    condition, update = node.child_by_field_name("condition"), node.child_by_field_name("update")
    if condition is None or update is None:
        return
    yield replaced(condition, "false", f"the loop over {short(text(condition))} never runs")
    step = _step(update)
    if condition.type == "binary_expression" and text(field(condition, "operator")) in ("<", "<=", ">", ">="):
        left, right = field(condition, "left"), field(condition, "right")
        yield replaced(right, f"({text(right)}) - 1", f"the loop ends at {short(text(right))} - 1")
        if step and step != "1" and text(field(condition, "operator")) == "<":
            whole = f"({text(left)}) + ({step}) <= ({text(right)})"
            yield replaced(condition, whole, f"the loop drops the remainder of {short(text(condition))}")
    if step:
        counter = text(field(update, "argument" if update.type == "update_expression" else "left"))
        yield replaced(update, f"{counter} += 2 * ({step})", f"{short(text(update))} → steps twice as long")
        start = _start(node)
        if start is not None:
            yield replaced(start, f"({text(start)}) + ({step})", f"the loop starts a step after {short(text(start))}")


def dropped_barrier(node: Node) -> Iterator[Change]:
    """No `__syncthreads()`, no `__syncwarp()`."""
    if text(node).startswith(BARRIERS):
        yield replaced(node, ";", f"without {short(text(node))}")


def _is_header(node: Node) -> bool:
    """Whether a statement stands in the parentheses of its loop."""
    return node.parent is not None and node.parent.child_by_field_name("body") != node


def _step(update: Node) -> str:
    """By how much a loop's counter grows; "" where it does not add."""
    if update.type == "update_expression":
        return "1" if "++" in text(update) else ""
    if update.type == "assignment_expression" and text(field(update, "operator")) == "+=":
        return text(field(update, "right"))
    return ""


def _start(node: Node) -> Node | None:
    """The value that a loop's counter starts from; None where it is a literal, which other rules change."""
    declaration = node.child_by_field_name("initializer")
    if declaration is None or declaration.type != "declaration":
        return None
    value = field(declaration, "declarator").child_by_field_name("value")
    return None if value is None or value.type == "number_literal" else value
