"""Lanes of a warp that part and meet: each kernel against a plain Python model of one thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from harness.vgpu.run.mode import Mode
from tests.vgpu.jit.ptx_bench import CHECKED, aligned, run

THREADS = 75  # two full warps and a part of one
REGISTERS = """
.reg .pred %p, %q, %s;
.reg .b32 %t, %lane, %x, %i, %j, %k, %n, %m;
.reg .b64 %out, %at;
ld.param.u64 %out, [out];
mov.u32 %t, %tid.x;
mov.u32 %lane, %laneid;
mul.wide.u32 %at, %t, 4;
add.u64 %out, %out, %at;
mov.u32 %x, 0;
"""


def results(body: str, *arguments: np.ndarray | int, threads: int = THREADS, blocks: int = 1, mode: Mode = CHECKED,
            shared: int = 0, functions: str = "") -> list[int]:  # fmt: skip
    """`%x` of each thread, at the label `done` or where it exits after a store."""
    out = aligned(threads * blocks)
    out[:] = 0xDEAD
    parameters = ", ".join(
        ["", *(f".param .u{64 if isinstance(a, np.ndarray) else 32} a{i}" for i, a in enumerate(arguments))]
    )
    text = f"{functions}.entry k(.param .u64 out{parameters})\n{{\n{REGISTERS}\n{body}\ndone:\nst.global.u32 [%out], %x;\nret;\n}}\n"
    run(text, out, *arguments, block=(threads,), grid=(blocks,), mode=mode, shared=shared)
    return out.tolist()


def expect(body: str, thread: Callable[[int], int], **options: object) -> None:
    assert results(body, **options) == [thread(t) & 0xFFFFFFFF for t in range(THREADS)]  # type: ignore[arg-type]


# --- branches -----------------------------------------------------------------------------------------------------


def test_both_sides_of_a_branch_run_for_their_own_lanes():
    def thread(t: int) -> int:
        return 3 * t if t % 3 == 0 else 100 + t

    expect("""
        rem.u32 %m, %t, 3;
        setp.eq.u32 %p, %m, 0;
        @%p bra third;
        add.u32 %x, %t, 100;
        bra done;
        third:
        mul.lo.u32 %x, %t, 3;
    """, thread)  # fmt: skip


def test_a_branch_that_no_lane_or_every_lane_takes_goes_one_way():
    def thread(t: int) -> int:
        return 1 if t < 32 else 2

    expect("""
        setp.lt.u32 %p, %t, 32;
        @%p bra low;
        mov.u32 %x, 2;
        bra done;
        low:
        mov.u32 %x, 1;
    """, thread)  # fmt: skip


def test_nested_branches_meet_in_the_right_order():
    def thread(t: int) -> int:
        x = 0
        if t & 1:
            x += 1
            if t & 2:
                x += 10
                if t & 4:
                    x += 100
            else:
                x += 1000
            x *= 2
        elif t & 8:
            x += 7
        return x * 3 + t

    expect("""
        and.b32 %m, %t, 1;
        setp.eq.u32 %p, %m, 0;
        @%p bra even;
        add.u32 %x, %x, 1;
        and.b32 %m, %t, 2;
        setp.eq.u32 %p, %m, 0;
        @%p bra no_two;
        add.u32 %x, %x, 10;
        and.b32 %m, %t, 4;
        setp.eq.u32 %p, %m, 0;
        @%p bra twice;
        add.u32 %x, %x, 100;
        bra twice;
        no_two:
        add.u32 %x, %x, 1000;
        twice:
        mul.lo.u32 %x, %x, 2;
        bra end;
        even:
        and.b32 %m, %t, 8;
        setp.eq.u32 %p, %m, 0;
        @%p bra end;
        add.u32 %x, %x, 7;
        end:
        mad.lo.u32 %x, %x, 3, %t;
    """, thread)  # fmt: skip


# --- loops --------------------------------------------------------------------------------------------------------


def test_lanes_leave_a_loop_after_their_own_number_of_turns():
    expect("""
        mov.u32 %i, 0;
        loop:
        setp.ge.u32 %p, %i, %t;
        @%p bra done;
        mad.lo.u32 %x, %x, 3, %i;
        add.u32 %i, %i, 1;
        bra loop;
    """, lambda t: _horner(range(t)))  # fmt: skip


def _horner(numbers: Sequence[int]) -> int:
    x = 0
    for number in numbers:
        x = x * 3 + number
    return x


def test_nested_loops_with_break_and_continue_by_lane():
    def thread(t: int) -> int:
        x = i = 0
        while True:
            i += 1
            j = 0
            while j < i:
                j += 1
                if (j + t) % 3 == 0:
                    continue
                if j * i > t:
                    break
                x = x * 5 + j
            if i > t % 7:
                break
            x += i
        return x ^ i << 20

    expect("""
        mov.u32 %i, 0;
        outer:
        add.u32 %i, %i, 1;
        mov.u32 %j, 0;
        inner:
        setp.ge.u32 %p, %j, %i;
        @%p bra after;
        add.u32 %j, %j, 1;
        add.u32 %m, %j, %t;
        rem.u32 %m, %m, 3;
        setp.eq.u32 %p, %m, 0;
        @%p bra inner;
        mul.lo.u32 %m, %j, %i;
        setp.gt.u32 %p, %m, %t;
        @%p bra after;
        mad.lo.u32 %x, %x, 5, %j;
        bra inner;
        after:
        rem.u32 %m, %t, 7;
        setp.gt.u32 %p, %i, %m;
        @%p bra out_of_it;
        add.u32 %x, %x, %i;
        bra outer;
        out_of_it:
        shl.b32 %i, %i, 20;
        xor.b32 %x, %x, %i;
    """, thread)  # fmt: skip


def test_a_uniform_loop_around_a_branch_by_lane_counts_once_a_turn():
    def thread(t: int) -> int:
        x = 0
        for i in range(10):
            if t >> i % 6 & 1:
                x += i * 100
            x += 1
        return x + 10

    expect("""
        mov.u32 %i, 0;
        loop:
        rem.u32 %m, %i, 6;
        shr.u32 %m, %t, %m;
        and.b32 %m, %m, 1;
        setp.eq.u32 %p, %m, 0;
        @%p bra skip;
        mad.lo.u32 %x, %i, 100, %x;
        skip:
        add.u32 %x, %x, 1;
        add.u32 %i, %i, 1;
        setp.lt.u32 %p, %i, 10;
        @%p bra loop;
        add.u32 %x, %x, %i;
    """, thread)  # fmt: skip


def test_a_uniform_value_read_behind_a_loop_is_that_of_the_lanes_last_turn():
    """The counter is the same in all lanes that are in the loop, yet they leave it at different turns."""
    expect("""
        mov.u32 %i, 5;
        loop:
        add.u32 %i, %i, 3;
        setp.lt.u32 %p, %i, %t;
        @%p bra loop;
        mov.u32 %x, %i;
    """, lambda t: next(i for i in range(8, 200, 3) if i >= t))  # fmt: skip


def test_a_loop_with_two_entries_runs_too():
    """Irreducible control flow: half of the lanes jump into the middle of the loop."""

    def thread(t: int) -> int:
        x, i, first = 0, 0, t % 2 == 0
        while True:
            if not first:
                x += 1
            first = False
            x += 100
            i += 1
            if i > t % 5:
                return x

    expect("""
        mov.u32 %i, 0;
        and.b32 %m, %t, 1;
        setp.eq.u32 %p, %m, 0;
        @%p bra middle;
        top:
        add.u32 %x, %x, 1;
        middle:
        add.u32 %x, %x, 100;
        add.u32 %i, %i, 1;
        rem.u32 %m, %t, 5;
        setp.le.u32 %p, %i, %m;
        @%p bra top;
    """, thread)  # fmt: skip


# --- switches -----------------------------------------------------------------------------------------------------

SWITCH = """
    {index}
    brx.idx %i, targets;
    targets: .branchtargets zero, one, two, one;
    zero:
    mov.u32 %x, 10;
    bra end;
    one:
    add.u32 %x, %i, 20;
    two:
    add.u32 %x, %x, 300;
    end:
    add.u32 %x, %x, 1;
"""


def _switched(i: int) -> int:
    return {0: 11, 1: 322, 2: 301, 3: 324}[i]


def test_a_switch_sends_each_lane_to_its_own_target():
    expect(SWITCH.format(index="rem.u32 %i, %t, 4;"), lambda t: _switched(t % 4))


@pytest.mark.parametrize("number", range(4))
def test_a_switch_on_a_shared_index_sends_all_lanes_to_one_target(number):
    body = SWITCH.format(index="ld.param.u32 %i, [a0];")
    assert results(body, number) == [_switched(number)] * THREADS


@pytest.mark.parametrize("guard", ["setp.gt.u32 %p, %t, 20;", "setp.ne.u32 %p, %n, 5;", "setp.eq.u32 %p, %n, 5;"])
def test_a_guarded_switch_lets_the_other_lanes_go_on_behind_it(guard):
    body = SWITCH.format(index=f"rem.u32 %i, %t, 4; mov.u32 %n, 5; {guard}").replace("brx", "@%p brx")
    body = body.replace("targets: ", "mov.u32 %x, 50; bra end; targets: ")
    holds = {"setp.gt.u32 %p, %t, 20;": lambda t: t > 20, "setp.ne.u32 %p, %n, 5;": lambda t: False}
    expect(body, lambda t: _switched(t % 4) if holds.get(guard, lambda t: True)(t) else 51)


# --- guarded calls ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guard", ["setp.gt.u32 %p, %t, 20;", "setp.ne.u32 %p, %n, 5;", "setp.eq.u32 %p, %n, 5;"])
def test_a_guarded_call_leaves_the_other_lanes_result(guard):
    body = f"""
        .param .b32 passed, back;
        mov.u32 %n, 5;
        {guard}
        mov.u32 %x, 9;
        st.param.b32 [back], %x;
        st.param.b32 [passed], %t;
        @%p call (back), triple, (passed);
        ld.param.b32 %x, [back];
    """
    function = """
        .func (.param .b32 result) triple(.param .b32 a)
        {
        .reg .b32 %v;
        ld.param.b32 %v, [a];
        mul.lo.u32 %v, %v, 3;
        st.param.b32 [result], %v;
        ret;
        }
    """
    holds = {"setp.gt.u32 %p, %t, 20;": lambda t: t > 20, "setp.ne.u32 %p, %n, 5;": lambda t: False}
    wanted = [3 * t if holds.get(guard, lambda t: True)(t) else 9 for t in range(THREADS)]
    assert results(body, functions=function) == wanted


# --- lanes that end early -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("leave", ["ret", "exit"])
def test_lanes_that_leave_early_write_nothing_more(leave):
    body = f"setp.ge.u32 %p, %t, 20; @%p {leave}; add.u32 %x, %t, 1;"
    assert results(body) == [t + 1 if t < 20 else 0xDEAD for t in range(THREADS)]


def test_lanes_that_left_stay_away_behind_a_barrier():
    body = """
        setp.ge.u32 %p, %t, 20;
        @%p exit;
        bar.sync 0;
        and.b32 %m, %t, 1;
        setp.ne.u32 %q, %m, 0;
        @%q bra odd;
        mov.u32 %x, 2;
        bra done;
        odd:
        mov.u32 %x, 1;
    """
    assert results(body) == [(1 if t & 1 else 2) if t < 20 else 0xDEAD for t in range(THREADS)]


def test_lanes_may_leave_from_inside_a_loop():
    body = """
        mov.u32 %i, 0;
        loop:
        add.u32 %i, %i, 1;
        setp.eq.u32 %p, %i, %t;
        @%p ret;
        add.u32 %x, %x, %i;
        setp.lt.u32 %p, %i, 40;
        @%p bra loop;
    """
    assert results(body) == [0xDEAD if 1 <= t <= 40 else sum(range(41)) for t in range(THREADS)]


def test_a_branch_of_lanes_may_end_without_coming_back():
    body = """
        setp.lt.u32 %p, %t, 40;
        @%p bra go_on;
        st.global.u32 [%out], %t;
        exit;
        go_on:
        add.u32 %x, %t, 500;
    """
    assert results(body) == [t + 500 if t < 40 else t for t in range(THREADS)]


# --- guards -------------------------------------------------------------------------------------------------------


def test_a_guard_in_code_of_some_lanes_holds_for_those_lanes_only():
    def thread(t: int) -> int:
        x = 5
        if t & 1 and t & 2:
            x = 50
        return x

    expect("""
        mov.u32 %x, 5;
        and.b32 %m, %t, 1;
        setp.eq.u32 %p, %m, 0;
        and.b32 %m, %t, 2;
        setp.ne.u32 %q, %m, 0;
        @%p bra end;
        @%q mov.u32 %x, 50;
        end:
    """, thread)  # fmt: skip


def test_a_shared_guard_in_code_of_some_lanes_holds_for_those_lanes_only():
    body = """
        ld.param.u32 %n, [a0];
        setp.ne.u32 %q, %n, 0;
        mov.u32 %x, 5;
        and.b32 %m, %t, 1;
        setp.eq.u32 %p, %m, 0;
        @%p bra end;
        @%q mov.u32 %x, 50;
        @!%q mov.u32 %x, 60;
        end:
    """
    assert results(body, 1) == [50 if t & 1 else 5 for t in range(THREADS)]
    assert results(body, 0) == [60 if t & 1 else 5 for t in range(THREADS)]
