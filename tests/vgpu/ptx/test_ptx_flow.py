"""Basic blocks: cut where control can come or go, with successors in the documented order."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from harness.vgpu.ptx import flow
from harness.vgpu.ptx.program import Block, Function, Guard, Instruction, Register, Symbol

Kernel = Callable[[str], Function]


def shape(function: Function) -> list[tuple[str, tuple[int, ...]]]:
    """The opcodes and successors of each block."""
    return [(" ".join(i.opcode for i in block.instructions), block.successors) for block in function.blocks]


def test_straight_code_is_one_block(kernel: Kernel) -> None:
    assert shape(kernel("mov.u32 %r1, 1; bar.sync 0; mov.u32 %r1, 2; ret;")) == [("mov bar mov ret", ())]


def test_control_that_falls_off_the_end_returns(kernel: Kernel) -> None:
    found = kernel("mov.u32 %r1, 1;")
    assert shape(found) == [("mov ret", ())]
    assert found.blocks[0].instructions[-1].line == 13


def test_an_empty_function_returns(kernel: Kernel) -> None:
    assert shape(kernel("")) == [("ret", ())]


def test_a_guarded_branch_goes_to_its_target_or_on(kernel: Kernel) -> None:
    assert shape(kernel("@%p1 bra L; mov.u32 %r1, 1; L: ret;")) == [("bra", (2, 1)), ("mov", (2,)), ("ret", ())]


def test_a_branch_goes_to_its_target(kernel: Kernel) -> None:
    assert shape(kernel("L: mov.u32 %r1, 1; bra.uni L;")) == [("mov bra", (0,))]


def test_a_guarded_branch_at_the_end_falls_off_to_a_return(kernel: Kernel) -> None:
    assert shape(kernel("L: @%p1 bra L;")) == [("bra", (0, 1)), ("ret", ())]


def test_guarded_leaves_end_their_block(kernel: Kernel) -> None:
    assert shape(kernel("@%p1 ret; @%p2 exit; @!%p3 trap; trap;")) == [
        ("ret", (1,)),
        ("exit", (2,)),
        ("trap", (3,)),
        ("trap", ()),
    ]


def test_other_guarded_instructions_do_not(kernel: Kernel) -> None:
    assert shape(kernel("@%p1 mov.u32 %r1, 1; ret;")) == [("mov ret", ())]


def test_an_indexed_branch_goes_to_its_targets_in_table_order(kernel: Kernel) -> None:
    found = kernel("T: .branchtargets B, A, B; brx.idx %r1, T; A: mov.u32 %r1, 1; B: ret;")
    assert shape(found) == [("brx", (2, 1, 2)), ("mov", (2,)), ("ret", ())]
    assert found.blocks[0].instructions[0].operands == (Register("%r1", "b32"), Symbol("T"))


def test_a_guarded_indexed_branch_may_also_go_on(kernel: Kernel) -> None:
    assert shape(kernel("T: .branchtargets B; @%p1 brx.idx %r1, T; mov.u32 %r1, 1; B: ret;")) == [
        ("brx", (2, 1)),
        ("mov", (2,)),
        ("ret", ()),
    ]


def test_what_cannot_be_reached_is_left_out(kernel: Kernel) -> None:
    assert shape(kernel("bra B; A: mov.u32 %r1, 1; bra A; B: ret; exit;")) == [("bra", (1,)), ("ret", ())]


def test_labels_in_a_row_name_one_block(kernel: Kernel) -> None:
    assert [block.labels for block in kernel("A: B: ret;").blocks] == [("A", "B")]


LABELS = [f"L{index}" for index in range(6)]
GUARD = Guard(Register("%p1", "pred"), False)


@st.composite
def bodies(draw: st.DrawFn) -> list[Instruction | str]:
    """Any order of instructions, branches and leaves around six labels."""
    plain = st.sampled_from(["mov", "bra", "brx", "ret", "exit"])
    body: list[Instruction | str] = []
    for label in LABELS:
        for opcode in draw(st.lists(plain, max_size=3)):
            operands = {
                "bra": (Symbol(draw(st.sampled_from(LABELS))),),
                "brx": (Register("%r1", "b32"), Symbol("T")),
            }.get(opcode, ())
            guard = draw(st.sampled_from([None, GUARD]))
            body.append(Instruction(opcode, (), operands, guard, len(body), None))
        body.append(label)
    return body


def followers(body: list[Instruction | str], tables: dict[str, tuple[str, ...]], at: int) -> list[int]:
    """Where control may be behind the item at `at`, straight from the list."""
    item = body[at]
    if isinstance(item, str):
        return [at + 1]
    found = [at + 1] if item.guard or item.opcode == "mov" else []
    if item.opcode == "bra":
        found.append(body.index(item.operands[0].name))  # type: ignore[union-attr]
    if item.opcode == "brx":
        found += [body.index(label) for label in tables["T"]]
    return found


@given(bodies())
def test_blocks_hold_exactly_what_a_walk_over_the_list_reaches(body: list[Instruction | str]) -> None:
    tables: dict[str, tuple[str, ...]] = {"T": ("L5", "L2", "L5")}
    blocks = flow.blocks(body, tables, end_line=-1)
    seen: set[int] = set()
    pending = [0]
    while pending:
        at = pending.pop()
        if at < len(body) and at not in seen:
            seen.add(at)
            pending += followers(body, tables, at)
    reached = [item.line for at, item in enumerate(body) if at in seen and isinstance(item, Instruction)]
    kept = [i.line for block in blocks for i in block.instructions if i.line >= 0]
    assert kept == reached
    check_rules(blocks)


def check_rules(blocks: tuple[Block, ...]) -> None:
    """What `program.Block` promises."""
    label_of = {label: block.index for block in blocks for label in block.labels}
    for place, block in enumerate(blocks):
        assert block.index == place
        assert block.instructions
        assert all(i.opcode not in ("bra", "brx", "ret", "exit") for i in block.instructions[:-1])
        last = block.instructions[-1]
        targets = {"bra": [last.operands[-1].name], "brx": ["L5", "L2", "L5"]} if last.operands else {}  # type: ignore[union-attr]
        expected = [label_of[label] for label in targets.get(last.opcode, [])]
        falls_through = last.guard is not None or last.opcode == "mov"
        assert block.successors == (*expected, *([place + 1] if falls_through else []))
