"""Barriers of a block, wherever its lanes stand: against a model in which every thread is a Python generator.

A thread of the model yields (barrier, count) where it waits; None counts all threads. PTX ISA, bar: a warp arrives
when all its threads that have not exited are at a barrier.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
import pytest

from harness.vgpu.run.mode import Mode
from tests.vgpu.jit.ptx_bench import aligned, run

Thread = Generator[tuple[int, int | None], None, int]
MODES = {
    "in order": Mode(checked=True, counted=False, workers=1),
    "in reverse": Mode(checked=True, counted=False, workers=1, reverse=True),
    "counted": Mode(checked=True, counted=True, workers=2),
    "fast": Mode(checked=False, counted=False, workers=2),
}
PROLOGUE = """
.reg .pred %p, %q, %s;
.reg .b16 %h;
.reg .b32 %t, %w, %x, %y, %i, %j, %n, %m, %at, %other;
.reg .b64 %out, %o, %d;
.reg .f64 %f;
.shared .align 8 .b32 board[1024];
ld.param.u64 %out, [out];
mov.u32 %t, %tid.x;
shr.u32 %w, %t, 5;
mul.wide.u32 %o, %t, 4;
add.u64 %out, %out, %o;
mov.u32 %at, board;
mad.lo.u32 %at, %t, 4, %at;
mov.u32 %x, 0;
"""


def simulate(threads: int, program: Callable[[int, dict[int, int]], Thread]) -> list[int]:
    """What each thread returns. `board` is shared memory."""
    board: dict[int, int] = {}
    running = {t: program(t, board) for t in range(threads)}
    results = [0] * threads
    waiting: dict[int, tuple[int, int | None]] = {}
    while running:
        for t in [t for t in running if t not in waiting]:
            try:
                waiting[t] = next(running[t])
            except StopIteration as end:
                results[t] = end.value
                del running[t]
        warps = {t // 32 for t in running}
        for barrier in {at for at, _ in waiting.values()}:
            there = {t // 32 for t, (at, _) in waiting.items() if at == barrier}
            count = next(count for at, count in waiting.values() if at == barrier)
            if there == warps if count is None else 32 * len(there) >= count:
                waiting = {t: wait for t, wait in waiting.items() if wait[0] != barrier}
    return results


def expect(body: str, program: Callable[[int, dict[int, int]], Thread], threads: int = 96) -> None:
    wanted = [x & 0xFFFFFFFF for x in simulate(threads, program)]
    text = f".entry k(.param .u64 out)\n{{{PROLOGUE}{body}\nst.global.u32 [%out], %x;\nret;\n}}"
    for name, mode in MODES.items():
        out = aligned(4 * threads)
        run(text, out, block=(threads,), mode=mode)
        assert out[:threads].tolist() == wanted, name


def test_a_barrier_shows_each_thread_what_the_others_wrote():
    def thread(t: int, board: dict[int, int]) -> Thread:
        board[t] = 7 * t
        yield 0, None
        return board[95 - t]

    expect("""
        mul.lo.u32 %x, %t, 7;
        st.shared.u32 [%at], %x;
        bar.sync 0;
        sub.u32 %other, 95, %t;
        mov.u32 %at, board;
        mad.lo.u32 %other, %other, 4, %at;
        ld.shared.u32 %x, [%other];
    """, thread)  # fmt: skip


def test_values_of_every_kind_live_on_across_a_barrier():
    def thread(t: int, board: dict[int, int]) -> Thread:
        yield 0, None
        return (t + 1) + (t * 3 & 0xFFFF) + (t << 33 >> 32) + int(t * 0.5) + (100 if t % 2 else 0) + 96

    expect("""
        add.u32 %i, %t, 1;
        cvt.u16.u32 %h, %t;
        mul.lo.u16 %h, %h, 3;
        cvt.u64.u32 %d, %t;
        shl.b64 %d, %d, 33;
        cvt.rn.f64.u32 %f, %t;
        mul.f64 %f, %f, 0.5;
        and.b32 %m, %t, 1;
        setp.ne.u32 %p, %m, 0;
        mov.u32 %n, %ntid.x;
        setp.eq.u32 %q, %n, 96;
        bar.sync 0;
        mov.u32 %x, %i;
        cvt.u32.u16 %m, %h;
        add.u32 %x, %x, %m;
        shr.u64 %d, %d, 32;
        cvt.u32.u64 %m, %d;
        add.u32 %x, %x, %m;
        cvt.rzi.u32.f64 %m, %f;
        add.u32 %x, %x, %m;
        @%p add.u32 %x, %x, 100;
        @%q add.u32 %x, %x, %n;
    """, thread)  # fmt: skip


def test_a_loop_around_barriers_halves_a_sum():
    def thread(t: int, board: dict[int, int]) -> Thread:
        board[t] = t * t
        step = 64
        while step:
            yield 0, None
            if t < step and t + step < 96:
                board[t] += board[t + step]
            step //= 2
        yield 0, None
        return board[0]

    expect("""
        mul.lo.u32 %y, %t, %t;
        st.shared.u32 [%at], %y;
        mov.u32 %i, 64;
        loop:
        bar.sync 0;
        add.u32 %j, %t, %i;
        setp.lt.u32 %p, %t, %i;
        setp.lt.and.u32 %p, %j, 96, %p;
        @!%p bra idle;
        mad.lo.u32 %other, %i, 4, %at;
        ld.shared.u32 %m, [%other];
        ld.shared.u32 %y, [%at];
        add.u32 %y, %y, %m;
        st.shared.u32 [%at], %y;
        idle:
        shr.u32 %i, %i, 1;
        setp.ne.u32 %p, %i, 0;
        @%p bra loop;
        bar.sync 0;
        mov.u32 %at, board;
        ld.shared.u32 %x, [%at];
    """, thread)  # fmt: skip


def test_both_sides_of_a_branch_may_have_their_own_barrier():
    def thread(t: int, board: dict[int, int]) -> Thread:
        board[t] = t + 1
        yield 0, None
        x = board[t ^ 1] * (10 if t % 2 else 1000)
        yield 0, None
        return x + 1

    expect("""
        add.u32 %y, %t, 1;
        st.shared.u32 [%at], %y;
        xor.b32 %other, %t, 1;
        mov.u32 %m, board;
        mad.lo.u32 %other, %other, 4, %m;
        and.b32 %m, %t, 1;
        setp.ne.u32 %p, %m, 0;
        @%p bra odd;
        barrier.sync 0;
        ld.shared.u32 %x, [%other];
        mul.lo.u32 %x, %x, 1000;
        bra both;
        odd:
        barrier.sync 0;
        ld.shared.u32 %x, [%other];
        mul.lo.u32 %x, %x, 10;
        both:
        barrier.sync 0;
        add.u32 %x, %x, 1;
    """, thread)  # fmt: skip


def test_lanes_that_skip_a_barrier_meet_the_others_at_a_later_one():
    """Odd threads stand at the first barrier while even ones stand at the second: that lets both go on."""

    def thread(t: int, board: dict[int, int]) -> Thread:
        n = 0
        if t % 2:
            board[t] = 5
            yield 0, None
            n += 10
        n += 1
        yield 0, None
        return n + 100 + (board[t + 1] if t % 2 == 0 else 0)

    expect("""
        and.b32 %m, %t, 1;
        setp.eq.u32 %p, %m, 0;
        @%p bra join;
        mov.u32 %y, 5;
        st.shared.u32 [%at], %y;
        barrier.sync 0;
        add.u32 %x, %x, 10;
        join:
        add.u32 %x, %x, 1;
        barrier.sync 0;
        add.u32 %x, %x, 100;
        @!%p bra end;
        ld.shared.u32 %y, [%at+4];
        add.u32 %x, %x, %y;
        end:
    """, thread)  # fmt: skip


def test_lanes_may_pass_a_barrier_different_numbers_of_times():
    def thread(t: int, board: dict[int, int]) -> Thread:
        x = 0
        for i in range(t % 5):
            yield 0, None
            x = x * 3 + i + 1
        return x

    expect("""
        rem.u32 %n, %t, 5;
        mov.u32 %i, 0;
        loop:
        setp.ge.u32 %p, %i, %n;
        @%p bra end;
        barrier.sync 0;
        add.u32 %i, %i, 1;
        mad.lo.u32 %x, %x, 3, %i;
        bra loop;
        end:
    """, thread)  # fmt: skip


def test_warps_that_end_are_not_waited_for():
    def thread(t: int, board: dict[int, int]) -> Thread:
        if t >= 64:
            return 0
        board[t] = t
        yield 0, None
        return board[63 - t] + 1

    expect("""
        setp.ge.u32 %p, %t, 64;
        @%p bra end;
        st.shared.u32 [%at], %t;
        bar.sync 0;
        sub.u32 %other, 63, %t;
        mov.u32 %at, board;
        mad.lo.u32 %other, %other, 4, %at;
        ld.shared.u32 %x, [%other];
        add.u32 %x, %x, 1;
        end:
    """, thread)  # fmt: skip


@pytest.mark.parametrize("number", ["%n", "%m"])
def test_named_barriers_join_groups_of_warps(number):
    """Warps 0 and 1 meet at one barrier, 2 and 3 at another, each group three times as often as it likes."""

    def thread(t: int, board: dict[int, int]) -> Thread:
        x, group = 0, t // 64
        for i in range(2 + group):
            board[t] = t * 10 + i
            yield 1 + group, 64
            x += board[t ^ 63]
            yield 1 + group, 64
        return x

    body = f"""
        shr.u32 %m, %t, 6;
        add.u32 %i, %m, 2;
        add.u32 %m, %m, 1;
        mov.u32 %n, %m;
        xor.b32 %other, %t, 63;
        mov.u32 %j, board;
        mad.lo.u32 %other, %other, 4, %j;
        mul.lo.u32 %j, %t, 10;
        loop:
        st.shared.u32 [%at], %j;
        bar.sync {number}, 64;
        ld.shared.u32 %y, [%other];
        add.u32 %x, %x, %y;
        bar.sync {number}, 64;
        add.u32 %j, %j, 1;
        sub.u32 %i, %i, 1;
        setp.ne.u32 %p, %i, 0;
        @%p bra loop;
    """
    expect(body, thread, threads=128)


def test_a_barrier_that_reduces_counts_all_threads():
    def thread(t: int, board: dict[int, int]) -> Thread:
        board["third"] = board.get("third", 0) + (t % 3 == 0)  # type: ignore[index, arg-type]
        yield 0, None
        return board["third"] + 1000  # type: ignore[index]

    expect("""
        rem.u32 %m, %t, 3;
        setp.eq.u32 %p, %m, 0;
        barrier.sync.aligned 0;
        bar.red.popc.u32 %x, 0, %p;
        bar.red.or.pred %q, 0, %p;
        bar.red.and.pred %s, 0, %p;
        @%q add.u32 %x, %x, 1000;
        @%s add.u32 %x, %x, 5000;
    """, thread)  # fmt: skip


def test_a_guarded_barrier_holds_the_threads_with_the_guard_only():
    """Warps 0 and 1 meet; the guard is one for all lanes of a warp, though the engine cannot know it."""

    def thread(t: int, board: dict[int, int]) -> Thread:
        board[t] = t + 3
        if t < 64:
            yield 1, 64
        return board[t ^ 63] if t < 64 else 0

    expect("""
        setp.lt.u32 %p, %t, 64;
        add.u32 %n, %t, 3;
        st.shared.u32 [%at], %n;
        @%p bar.sync 1, 64;
        xor.b32 %other, %t, 63;
        mov.u32 %at, board;
        mad.lo.u32 %other, %other, 4, %at;
        @%p ld.shared.u32 %x, [%other];
    """, thread)  # fmt: skip


def test_a_guarded_barrier_that_reduces_leaves_the_other_threads_result():
    """Two barriers in a row: even threads stand at the first while odd ones stand at the second."""

    def thread(t: int, board: dict[int, int]) -> Thread:
        x = 7
        if t % 2 == 0:
            yield 0, None
            x = 32  # of 48 even threads, those whose number three does not divide
        yield 0, None
        return x

    expect("""
        and.b32 %m, %t, 1;
        setp.eq.u32 %p, %m, 0;
        rem.u32 %m, %t, 3;
        setp.ne.u32 %q, %m, 0;
        mov.u32 %x, 7;
        @%p barrier.red.popc.u32 %x, 0, %q;
        barrier.sync 0;
    """, thread)  # fmt: skip


@pytest.mark.parametrize("arrive", ["bar.arrive", "barrier.cta.arrive.aligned"])
def test_a_warp_that_only_arrives_does_not_wait(arrive):
    """Warps 0 and 1 hand a value over to warp 2, which waits for both; they go on and wait for its answer."""

    def thread(t: int, board: dict[int, int]) -> Thread:
        if t < 64:
            board[t] = t + 5
            yield 1, 96
            yield 2, 96
            return board[64 + t % 32]
        yield 1, 96
        board[t] = board[t - 64] * board[t - 32]
        yield 2, 96
        return 1

    expect(f"""
        setp.ge.u32 %p, %t, 64;
        @%p bra consumer;
        add.u32 %y, %t, 5;
        st.shared.u32 [%at], %y;
        {arrive} 1, 96;
        bar.sync 2, 96;
        and.b32 %m, %t, 31;
        mov.u32 %at, board;
        mad.lo.u32 %at, %m, 4, %at;
        ld.shared.u32 %x, [%at+256];
        bra end;
        consumer:
        bar.sync 1, 96;
        ld.shared.u32 %x, [%at+-256];
        ld.shared.u32 %y, [%at+-128];
        mul.lo.u32 %x, %x, %y;
        st.shared.u32 [%at], %x;
        {arrive} 2, 96;
        mov.u32 %x, 1;
        end:
    """, thread)  # fmt: skip


def test_blocks_have_shared_memory_of_their_own():
    blocks, out = 5, aligned(5 * 64)
    body = (
        PROLOGUE
        + """
        mov.u32 %n, %ctaid.x;
        mul.lo.u32 %y, %n, 64;
        mul.wide.u32 %o, %y, 4;
        add.u64 %out, %out, %o;
        add.u32 %y, %y, %t;
        st.shared.u32 [%at], %y;
        bar.sync 0;
        sub.u32 %other, 63, %t;
        mov.u32 %at, board;
        mad.lo.u32 %other, %other, 4, %at;
        ld.shared.u32 %x, [%other];
        st.global.u32 [%out], %x;
        ret;
    """
    )
    run(f".entry k(.param .u64 out){{{body}}}", out, block=(64,), grid=(blocks,), mode=Mode(True, False, workers=2))
    assert out.tolist() == [64 * b + 63 - t for b in range(blocks) for t in range(64)]


def test_dynamic_shared_memory_starts_behind_the_static_one():
    out = aligned(32)
    text = """
    .extern .shared .align 16 .b8 dynamic[];
    .entry k(.param .u64 out)
    {
        .reg .b32 %t, %x, %a, %size;
        .reg .b64 %out, %o;
        .shared .align 4 .b32 fixed[3];
        ld.param.u64 %out, [out];
        mov.u32 %t, %tid.x;
        mul.wide.u32 %o, %t, 4;
        add.u64 %out, %out, %o;
        mov.u32 %x, 77;
        st.shared.u32 [fixed+8], %x;
        mov.u32 %a, dynamic;
        mad.lo.u32 %a, %t, 4, %a;
        st.shared.u32 [%a], %t;
        ld.shared.u32 %x, [fixed+8];
        mov.u32 %size, %dynamic_smem_size;
        mad.lo.u32 %x, %x, 1000, %size;
        mov.u32 %a, dynamic;
        add.u32 %x, %x, %a;
        st.global.u32 [%out], %x;
        ret;
    }
    """
    run(text, out, shared=128)
    assert set(out.tolist()) == {77 * 1000 + 128 + 16}  # 12 bytes, rounded up to the array's alignment


def test_saved_values_are_each_warps_own():
    """Every warp holds another sum in a scalar register while it stands at the barrier."""

    def thread(t: int, board: dict[int, int]) -> Thread:
        x = 0
        for i in range(4):
            x += i * 10 + t
            yield 0, None
        return x + 30

    expect("""
        mov.u32 %i, 0;
        mov.u32 %n, 0;
        loop:
        mad.lo.u32 %m, %i, 10, %t;
        add.u32 %x, %x, %m;
        add.u32 %n, %n, %i;
        bar.sync 0;
        add.u32 %i, %i, 1;
        setp.lt.u32 %p, %i, 4;
        @%p bra loop;
        mad.lo.u32 %x, %n, 5, %x;
    """, thread)  # fmt: skip


def test_the_model_waits_for_whole_warps():
    def thread(t: int, board: dict[int, int]) -> Thread:
        board[t] = 1
        yield 0, 64
        return len(board)

    assert set(simulate(64, thread)) == {64}
    assert np.array(simulate(32, lambda t, board: _alone(t))).sum() == 32


def _alone(t: int) -> Thread:
    yield 0, 32
    return 1
