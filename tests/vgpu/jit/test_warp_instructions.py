"""Instructions between the lanes of a warp: shuffles, votes, reductions, masks; and those that only order memory."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from harness.vgpu.jit.rules import RULES
from harness.vgpu.run.kernel import LoadedKernel
from tests.vgpu.jit.models import signed
from tests.vgpu.jit.ptx_bench import aligned, launch, load

LANES = range(32)
NOISE = random.Random(7)
VALUES = [NOISE.getrandbits(32) for _ in LANES]
PROLOGUE = """
.reg .pred %p, %q, %go;
.reg .b32 %t, %v, %x, %m, %b, %c, %members;
.reg .b64 %out, %in, %o;
ld.param.u64 %out, [out];
ld.param.u64 %in, [in];
mov.u32 %t, %tid.x;
mul.wide.u32 %o, %t, 4;
add.u64 %out, %out, %o;
add.u64 %in, %in, %o;
ld.global.u32 %v, [%in];
ld.param.u32 %b, [b];
ld.param.u32 %c, [c];
mov.u32 %members, 0xffffffff;
mov.u32 %x, 0xdead;
"""


def forms(*opcodes: str) -> list[str]:
    return sorted(form for form in RULES if form.split(".")[0] in opcodes)


def results(body: str, b: int = 0, c: int = 0, threads: int = 32, values: list[int] | None = None) -> list[int]:
    """`%x` of each thread; `%v` is its value, `%b` and `%c` are the same for all."""
    return answers(kernel(f"{body}\nst.global.u32 [%out], %x;"), b, c, threads, values)[0].tolist()


@cache
def kernel(body: str) -> LoadedKernel:
    parameters = ".param .u64 out, .param .u64 in, .param .u32 b, .param .u32 c"
    return load(f".entry k({parameters})\n{{{PROLOGUE}{body}\nret;\n}}")


def answers(loaded: LoadedKernel, b: int = 0, c: int = 0, threads: int = 32, values: list[int] | None = None,
            rows: int = 1) -> np.ndarray:  # fmt: skip
    """Rows of 32 words at `%out`."""
    out, source = aligned(32 * rows), aligned(32)
    out[:] = 0xBAD
    source[:] = values or VALUES
    launch(loaded, [out, source, b, c], block=(threads,))
    return out.reshape(rows, 32)


# --- shuffles -----------------------------------------------------------------------------------------------------


def shuffled(mode: str, lane: int, b: int, c: int) -> tuple[int, bool]:
    """The lane that is read and whether it is in range: the PTX ISA's pseudocode."""
    b, clamp, segment = b & 31, c & 31, c >> 8 & 31
    highest, lowest = lane & segment | clamp & ~segment, lane & segment
    source = {"up": lane - b, "down": lane + b, "bfly": lane ^ b, "idx": lowest | b & ~segment}[mode]
    valid = source >= highest if mode == "up" else source <= highest
    return source if valid else lane, valid


# widths 32, 16, 8, 4 and 1 as __shfl_sync makes them, clamps of __shfl_up_sync, and odd ones
CONTROLS = (0x1F, 0x101F, 0x181F, 0x1C1F, 0x1F1F, 0x00, 0x1000, 0x1C00, 0x0A15, 0x1B, 0xFFFFE0FF)
DISTANCES = (0, 1, 3, 8, 17, 31, 32 + 5)


def read_by(mode: str, b: int, control: int) -> list[int]:
    """What each lane gets; bits flipped where the predicate says out of range."""
    found = [shuffled(mode, lane, b, control) for lane in LANES]
    return [VALUES[lane] if valid else VALUES[lane] ^ 0x55555555 for lane, valid in found]


@pytest.mark.parametrize("form", forms("shfl"))
def test_a_shuffle_with_constants_reads_the_lane_that_ptx_names(form):
    pairs = [(b, control) for b in DISTANCES for control in CONTROLS]
    body = ""
    for row, (b, control) in enumerate(pairs):
        body += f"{form} %x|%p, %v, {b}, {control}, %members;\n@!%p xor.b32 %x, %x, 0x55555555;\n"
        body += f"st.global.u32 [%out+{128 * row}], %x;\n"
    for (b, control), got in zip(pairs, answers(kernel(body), rows=len(pairs)), strict=True):
        assert got.tolist() == read_by(form.split(".")[-2], b, control), (b, control)


@pytest.mark.parametrize("form", forms("shfl"))
def test_a_shuffle_with_registers_reads_the_lane_that_ptx_names(form):
    body = f"{form} %x|%p, %v, %b, %c, -1; @!%p xor.b32 %x, %x, 0x55555555;"
    for b in DISTANCES:
        for control in CONTROLS:
            assert results(body, b, control) == read_by(form.split(".")[-2], b, control), (b, control)


@pytest.mark.parametrize("form", forms("shfl"))
def test_each_lane_may_name_its_own_source(form):
    mode = form.split(".")[-2]
    control = 0 if mode == "up" else 0x1F
    body = f"mul.lo.u32 %m, %t, 13; and.b32 %m, %m, 31; {form} %x, %v, %m, {control}, -1;"
    assert results(body) == [VALUES[shuffled(mode, lane, lane * 13 % 32, control)[0]] for lane in LANES]


def test_a_shuffle_of_a_shared_value_gives_that_value():
    assert results("shfl.sync.bfly.b32 %x, %b, 5, 0x1f, -1;", b=1234) == [1234] * 32


def test_shuffles_among_some_lanes_of_a_branch():
    body = """
        setp.ge.u32 %go, %t, 16;
        @%go bra upper;
        shfl.sync.bfly.b32 %x, %v, 3, 0x1f, 0xffff;
        bra end;
        upper:
        shfl.sync.down.b32 %x, %v, 1, 0x1f, 0xffff0000;
        end:
    """
    wanted = [VALUES[lane ^ 3] if lane < 16 else VALUES[min(lane + 1, 31)] for lane in LANES]
    assert results(body) == wanted


def test_a_reduction_by_shuffles_in_a_loop_of_few_lanes():
    """The usual sum of a warp, in the lower half only, with half the width."""
    body = """
        setp.ge.u32 %go, %t, 16;
        @%go bra end;
        mov.u32 %x, %v;
        mov.u32 %m, 8;
        loop:
        shfl.sync.down.b32 %c, %x, %m, 0x101f, 0xffff;
        add.u32 %x, %x, %c;
        shr.u32 %m, %m, 1;
        setp.ne.u32 %p, %m, 0;
        @%p bra loop;
        end:
    """
    assert results(body)[0] == sum(VALUES[:16]) & 0xFFFFFFFF
    assert results(body)[16:] == [0xDEAD] * 16


# --- votes --------------------------------------------------------------------------------------------------------

PATTERNS = [[0] * 32, [1] * 32, [lane % 3 == 0 for lane in LANES], [lane == 31 for lane in LANES]]


def voted(mode: str, bits: list[bool]) -> int:
    return {"all": all(bits), "any": any(bits), "uni": all(bits) or not any(bits)}[mode]


@pytest.mark.parametrize("form", forms("vote"))
@pytest.mark.parametrize("negated", ["", "!"])
@pytest.mark.parametrize("threads", [32, 20])
def test_a_vote_is_that_of_all_lanes_that_are_there(form, negated, threads):
    mode = form.split(".")[-2]
    for pattern in PATTERNS:
        holds = [bool(bit) != bool(negated) for bit in pattern[:threads]]
        if mode == "ballot":
            body, wanted = f"{form} %x, {negated}%p, -1;", sum(bit << lane for lane, bit in enumerate(holds))
        else:
            body, wanted = f"{form} %q, {negated}%p, -1; selp.u32 %x, 1, 0, %q;", int(voted(mode, holds))
        got = results("setp.ne.u32 %p, %v, 0;" + body, threads=threads, values=[int(bit) for bit in pattern])
        assert got[:threads] == [wanted] * threads


@pytest.mark.parametrize("form", forms("vote"))
def test_a_vote_on_a_shared_predicate_counts_lanes(form):
    mode = form.split(".")[-2]
    body = f"{form} %x, %p, -1;" if mode == "ballot" else f"{form} %q, %p, -1; selp.u32 %x, 1, 0, %q;"
    for b in (0, 1):
        wanted = (0xFFFFF if b else 0) if mode == "ballot" else b if mode != "uni" else 1
        assert results("setp.ne.u32 %p, %b, 0;" + body, b=b, threads=20)[:20] == [wanted] * 20


@pytest.mark.parametrize("form", forms("vote"))
def test_lanes_vote_among_their_side_of_a_branch(form):
    mode = form.split(".")[-2]
    vote = f"{form} %x, %p, {{}};" if mode == "ballot" else f"{form} %q, %p, {{}}; selp.u32 %x, 1, 0, %q;"
    body = f"""
        setp.ne.u32 %p, %v, 0;
        setp.lt.u32 %go, %t, 10;
        @%go bra low;
        {vote.format(0xFFFFFC00)}
        bra end;
        low:
        {vote.format(0x3FF)}
        end:
    """
    pattern = [lane < 10 or lane % 2 for lane in LANES]
    sides = [[bool(pattern[lane]) for lane in LANES if (lane < 10) == low] for low in (True, False)]
    if mode == "ballot":
        ballot = sum(bool(bit) << lane for lane, bit in enumerate(pattern))
        sides_say = [ballot & 0x3FF, ballot & ~0x3FF]
    else:
        sides_say = [int(voted(mode, side)) for side in sides]
    got = results(body, values=[int(bit) for bit in pattern])
    assert got == [sides_say[0]] * 10 + [sides_say[1]] * 22


# --- who is active ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "mask", "threads"),
    [("activemask.b32 %x;", 0xFFFFFFFF, 32), ("activemask.b32 %x;", 0xFFFFF, 20),
     ("and.b32 %m, %t, 1; setp.eq.u32 %p, %m, 0; @%p activemask.b32 %x;", 0x55555555, 32),
     ("setp.lt.u32 %p, %t, 9; @!%p bra end; activemask.b32 %x; end:", 0x1FF, 32),
     ("setp.lt.u32 %p, %t, 9; @%p exit; activemask.b32 %x;", 0xFFFFFE00, 32)],
)  # fmt: skip
def test_activemask_names_the_lanes_that_run_it(body, mask, threads):
    got = results(body, threads=threads)
    running = [lane for lane in range(threads) if mask >> lane & 1]
    assert [got[lane] for lane in running] == [mask] * len(running)


@pytest.mark.parametrize("name", ["laneid", "lanemask_eq", "lanemask_lt", "lanemask_le", "lanemask_gt", "lanemask_ge"])
def test_lane_registers_tell_lanes_apart(name):
    wanted = {"laneid": lambda i: i, "lanemask_eq": lambda i: 1 << i, "lanemask_lt": lambda i: (1 << i) - 1,
              "lanemask_le": lambda i: (2 << i) - 1, "lanemask_gt": lambda i: -(2 << i) & 0xFFFFFFFF,
              "lanemask_ge": lambda i: -(1 << i) & 0xFFFFFFFF}[name]  # fmt: skip
    assert results(f"mov.u32 %x, %{name};") == [wanted(lane) for lane in LANES]


# --- reductions ---------------------------------------------------------------------------------------------------

REDUCTIONS: dict[str, Callable[[list[int]], int]] = {
    "add.s32": sum, "add.u32": sum, "min.u32": min, "max.u32": max,
    "min.s32": lambda v: min(signed(x, 32) for x in v), "max.s32": lambda v: max(signed(x, 32) for x in v),
    "and.b32": lambda v: int(np.bitwise_and.reduce(np.array(v, np.uint64))),
    "or.b32": lambda v: int(np.bitwise_or.reduce(np.array(v, np.uint64))),
    "xor.b32": lambda v: int(np.bitwise_xor.reduce(np.array(v, np.uint64))),
}  # fmt: skip


@pytest.mark.parametrize("form", [f for f in forms("redux") if not f.endswith("f32")])
def test_a_reduction_is_over_the_lanes_that_are_there(form):
    reduce = REDUCTIONS[form.removeprefix("redux.sync.")]
    assert results(f"{form} %x, %v, -1;") == [reduce(VALUES) & 0xFFFFFFFF] * 32
    assert results(f"{form} %x, %v, 0x1fff;", threads=13)[:13] == [reduce(VALUES[:13]) & 0xFFFFFFFF] * 13
    assert results(f"{form} %x, %b, -1;", b=0x80000005) == [reduce([0x80000005] * 32) & 0xFFFFFFFF] * 32
    body = f"setp.lt.u32 %p, %t, 7; @!%p bra end; {form} %x, %v, 0x7f; end:"
    assert results(body) == [reduce(VALUES[:7]) & 0xFFFFFFFF] * 7 + [0xDEAD] * 25


# --- order --------------------------------------------------------------------------------------------------------

ARGUMENTS = {"bar.warp.sync": "-1", "nanosleep.u32": "20"}


@pytest.mark.parametrize("form", [f for f in forms("fence", "membar", "bar", "nanosleep") if "arrive" not in f])
def test_an_instruction_that_only_orders_changes_no_value(form):
    statement = f"{form} {ARGUMENTS.get(form, '')};"
    assert results(f"mov.u32 %x, %v; {statement} {statement}") == VALUES
    assert results(f"setp.lt.u32 %p, %t, 5; @!%p bra end; {statement} mov.u32 %x, %v; end:")[:6] == [
        *VALUES[:5],
        0xDEAD,
    ]


def test_lanes_exchange_values_through_memory_across_a_warp_barrier():
    body = """
        .shared .b32 board[32];
        .reg .b32 %at, %other;
        mov.u32 %at, board;
        mad.lo.u32 %at, %t, 4, %at;
        st.shared.u32 [%at], %v;
        bar.warp.sync -1;
        xor.b32 %other, %t, 9;
        mov.u32 %at, board;
        mad.lo.u32 %at, %other, 4, %at;
        ld.shared.u32 %x, [%at];
    """
    assert results(body) == [VALUES[lane ^ 9] for lane in LANES]
