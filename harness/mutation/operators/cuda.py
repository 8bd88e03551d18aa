"""Mistakes that only kernels make: the wrong dimension, a shuffle with another partner, width or mask."""

from __future__ import annotations

from collections.abc import Iterator

from harness.mutation.operators.change import Change, replaced, short
from harness.mutation.parsing import Node, field, text

OTHER_FIELD = {"x": "y", "y": "x", "z": "x", "w": "x"}
SHUFFLES = {
    "__shfl_xor_sync": "__shfl_down_sync",
    "__shfl_down_sync": "__shfl_up_sync",
    "__shfl_up_sync": "__shfl_down_sync",
    "__shfl_sync": "__shfl_xor_sync",
}
HALF_OF_THE_LANES = "0xffffu"
HALF_A_WARP = "16"


def other_component(node: Node) -> Iterator[Change]:
    """.y for .x: of threadIdx and its like, and of vectors."""
    name = field(node, "field")
    if text(name) in OTHER_FIELD:
        yield replaced(name, OTHER_FIELD[text(name)], f"{text(node)} → .{OTHER_FIELD[text(name)]}")


def shuffle(node: Node) -> Iterator[Change]:
    """Another kind of shuffle, partner, mask, or width."""
    function = field(node, "function")
    if text(function) not in SHUFFLES:
        return
    yield replaced(function, SHUFFLES[text(function)])
    arguments = field(node, "arguments").named_children
    if len(arguments) < 3:
        return
    mask, value, partner, *width = arguments
    yield replaced(mask, HALF_OF_THE_LANES, f"mask {HALF_OF_THE_LANES} of {short(text(node))}")
    yield replaced(node, text(value), f"without the exchange of {short(text(node))}")
    yield replaced(partner, f"({text(partner)}) + 1", f"partner {short(text(partner))} + 1")
    yield replaced(partner, f"({text(partner)}) / 2", f"partner {short(text(partner))} / 2")
    if width:
        yield replaced(width[0], f"({text(width[0])}) / 2", f"width {short(text(width[0]))} / 2")
    else:
        yield Change(partner.end_byte, partner.end_byte, f", {HALF_A_WARP}", f"width {HALF_A_WARP}")
