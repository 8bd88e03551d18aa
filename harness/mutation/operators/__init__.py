"""The table of mutation operators: what each one does, and at which nodes of the syntax tree.

In: a node. Out: the changes that all operators make there. docs/mutation.md shows this table.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.mutation.operators import control, cuda, expressions, values
from harness.mutation.operators.change import Change, Operator, Rule
from harness.mutation.parsing import Node


def _operator(name: str, does: str, rule: Rule, *node_types: str) -> Operator:
    return Operator(name, does, frozenset(node_types), rule)


OPERATORS = (
    _operator("arithmetic", "another arithmetic operator: `+` → `-`, `*` → `/`, `+=` → `=`",
              expressions.arithmetic, "binary_expression", "assignment_expression"),
    _operator("relational", "a comparison's boundary moves or turns round: `<` → `<=`, `>=`",
              expressions.relational, "binary_expression"),
    _operator("logical", "`&&` → `||` and back", expressions.logical, "binary_expression"),
    _operator("dropped-operand", "a term or factor is left out: bias, residual, scale, offset",
              expressions.dropped_operand, "binary_expression"),
    _operator("dropped-sign", "`-x`, `!x`, `~x` → `x`", expressions.dropped_sign, "unary_expression"),
    _operator("swapped-operands", "`a - b` → `b - a`; `row * cols + col` → `col * cols + row`",
              expressions.swapped_operands, "binary_expression"),
    _operator("swapped-arguments", "two neighbouring arguments of a call exchanged",
              expressions.swapped_arguments, "call_expression"),
    _operator("subscript", "`a[i]` → `a[i + 1]`", expressions.shifted_subscript, "subscript_expression"),
    _operator("intrinsic", "another intrinsic: `rsqrtf` → `sqrtf`, `fmaxf` → `fminf`, `expf` → `exp2f`",
              expressions.replaced_call, "call_expression"),
    _operator("constant", "`0` → `1`, `n` → `n ± 1`; a real number by a thousandth",
              values.constant, "number_literal", "true", "false"),
    _operator("identity", "a maximum starts at 0 or -10,000 instead of -inf",
              values.identity, "call_expression", "unary_expression", "number_literal"),
    _operator("narrowed-index", "`long long` → `int`",
              values.narrowed_index, "sized_type_specifier", "primitive_type", "type_identifier"),
    _operator("narrowed-float", "a float variable keeps only the bits of a half",
              values.narrowed_float, "init_declarator", "assignment_expression"),
    _operator("removed-statement", "an assignment, a call, `return;`, `break` or `continue` is gone",
              control.removed_statement, "expression_statement", "return_statement", "break_statement",
              "continue_statement"),
    _operator("guard", "a condition that always or never holds, or is turned round",
              control.guard, "if_statement", "while_statement"),
    _operator("chosen", "`a ? b : c` → `b`, `c`, `!a ? b : c`: a mask or a bound not looked at",
              control.chosen, "conditional_expression"),
    _operator("loop", "a loop never runs, starts a step late, takes double steps, stops early, drops its remainder",
              control.loop, "for_statement"),
    _operator("barrier", "no `__syncthreads()` or `__syncwarp()`", control.dropped_barrier, "expression_statement"),
    _operator("component", "`.x` → `.y`: another dimension of threadIdx, another half of a pair",
              cuda.other_component, "field_expression"),
    _operator("shuffle", "another kind, partner, width or mask; no exchange at all", cuda.shuffle, "call_expression"),
)  # fmt: skip


def changes(node: Node) -> Iterator[tuple[Operator, Change]]:
    """Every change that some operator makes at this very node."""
    for operator in OPERATORS:
        if node.type in operator.node_types:
            for change in operator.rule(node):
                yield operator, change
