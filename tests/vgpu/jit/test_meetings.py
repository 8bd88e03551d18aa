"""Lanes that meet at different places of the program: what counts is the instruction's qualifiers and the mask.

PTX ISA, shfl.sync, vote.sync, match.sync, redux.sync: the thread waits until all non-exited threads of the member mask
have executed the instruction "with the same qualifiers and same membermask value"; bar.warp.sync and elect.sync say
the same in other words. Only for sm_6x and older must it be the same instruction, in convergence.
"""

from __future__ import annotations

import pytest

from harness.vgpu.errors import KernelFault
from harness.vgpu.jit.compile import host
from harness.vgpu.jit.lowering import lower
from harness.vgpu.ptx.parser import parse
from tests.vgpu.jit.ptx_bench import HEADER, aligned, run

FRAME = """
.reg .pred %low, %odd, %p, %q;
.reg .b32 %t, %x, %y, %m, %i;
.reg .b64 %out, %w, %o;
ld.param.u64 %out, [out];
mov.u32 %t, %tid.x;
mul.wide.u32 %o, %t, 4;
add.u64 %out, %out, %o;
setp.lt.u32 %low, %t, 16;
and.b32 %x, %t, 1;
setp.ne.u32 %odd, %x, 0;
mul.lo.u32 %x, %t, 100;
mov.u32 %y, 7;
"""


def results(body: str, extra: str = "") -> list[int]:
    """`%y` of each of 32 threads; `%t` is the thread, `%x` a hundred times that."""
    out = aligned(32)
    run(f"{extra}.entry k(.param .u64 out)\n{{{FRAME}{body}\nst.global.u32 [%out], %y;\nret;\n}}", out)
    return out.tolist()


def in_two_places(low: str, high: str) -> str:
    """The low half of the warp runs one, the high half the other."""
    return f"@!%low bra HIGH;\n{low}\nbra END;\nHIGH:\n{high}\nEND:"


def test_halves_of_a_warp_swap_values_in_two_branches():
    low = "shfl.sync.bfly.b32 %y, %x, 16, 31, -1;"
    high = "add.u32 %x, %x, 1;\nshfl.sync.bfly.b32 %y, %x, 16, 31, 0xffffffff;"
    assert results(in_two_places(low, high)) == [100 * (t ^ 16) + (t < 16) for t in range(32)]


def test_each_place_reads_by_its_own_distance():
    low = "shfl.sync.idx.b32 %y|%p, %x, 31, 31, -1;"
    high = "shfl.sync.idx.b32 %y, %t, 2, 31, -1;"
    assert results(in_two_places(low, high)) == [31 if t < 16 else 200 for t in range(32)]


def test_a_vote_counts_the_lanes_of_every_place():
    low = "vote.sync.ballot.b32 %y, %odd, -1;"
    high = "vote.sync.ballot.b32 %y, !%odd, -1;"
    assert results(in_two_places(low, high)) == [0x5555AAAA] * 32


def test_a_sum_takes_what_each_place_brings():
    assert results(in_two_places("redux.sync.add.u32 %y, %t, -1;", "redux.sync.add.u32 %y, 1, -1;")) == [120 + 16] * 32


def test_equal_values_match_across_places():
    low = "and.b32 %x, %t, 3;\nmatch.any.sync.b32 %y, %x, -1;"
    high = "match.any.sync.b32 %y, 2, -1;"
    twos = 0xFFFF4444
    assert results(in_two_places(low, high)) == [twos if t % 4 == 2 or t >= 16 else 0x1111 << t % 4 for t in range(32)]


def test_one_leader_is_elected_across_places():
    elect = "elect.sync %y|%p, 0xfffffff0;"
    lead = f"{elect}\n@%p mov.u32 %y, 1000;"
    body = f"setp.lt.u32 %q, %t, 4;\n@%q bra OUT;\n{in_two_places(lead, lead)}\nOUT:"
    assert results(body) == [7] * 4 + [1000] + [4] * 27


def test_a_warp_barrier_orders_memory_between_places():
    low = "st.shared.u32 [%i], %x;\nbar.warp.sync -1;"
    high = "bar.warp.sync -1;\nld.shared.u32 %y, [%i+-64];"
    body = (
        f".shared .align 4 .b8 slots[128];\nmov.u32 %i, slots;\nmad.lo.u32 %i, %t, 4, %i;\n{in_two_places(low, high)}"
    )
    assert results(body) == [7] * 16 + [100 * t for t in range(16)]


def test_a_lane_in_a_loop_meets_lanes_behind_it():
    """Lanes below 8 vote four times in the loop's one place, the others in four places."""
    vote = "vote.sync.ballot.b32 %m, %p, -1;\nxor.b32 %y, %y, %m;\nshl.b32 %y, %y, 1;"
    votes = "\n".join(f"setp.eq.u32 %p, %t, {8 + i};\n{vote}" for i in range(4))
    body = f"""
        mov.u32 %y, 0;
        setp.ge.u32 %q, %t, 8;
        @%q bra FOUR;
        mov.u32 %i, 0;
    AGAIN:
        setp.eq.u32 %p, %t, %i;
        {vote}
        add.u32 %i, %i, 1;
        setp.lt.u32 %p, %i, 4;
        @%p bra AGAIN;
        bra END;
    FOUR:
        {votes}
    END:
    """
    expected = 0
    for i in range(4):
        expected = (expected ^ 0x101 << i) << 1
    assert results(body) == [expected] * 32


def test_tiles_in_two_places_do_not_wait_for_each_other():
    """Lanes of a tile of 8 part in the middle; each tile has its own mask, one for both of its halves."""
    swap = "shfl.sync.bfly.b32 %y, {value}, 4, 31, %m;"
    body = f"""
        and.b32 %i, %t, 24;
        shl.b32 %m, 255, %i;
        and.b32 %i, %t, 4;
        setp.eq.u32 %low, %i, 0;
        {in_two_places(swap.format(value="%x"), swap.format(value="%t"))}
    """
    assert results(body) == [t ^ 4 if t & 4 == 0 else 100 * (t ^ 4) for t in range(32)]


def test_lanes_with_other_masks_are_others():
    """At one place a lane names itself alone, then both; its partner names both and waits for that."""
    body = """
        setp.ge.u32 %p, %t, 2;
        @%p bra END;
        mov.u32 %m, 3;
        setp.eq.u32 %q, %t, 1;
        @%q mov.u32 %m, 2;
    AGAIN:
        vote.sync.ballot.b32 %y, %odd, %m;
        setp.eq.u32 %p, %m, 3;
        mov.u32 %m, 3;
        @!%p bra AGAIN;
    END:
    """
    assert results(body)[:3] == [2, 2, 7]


def test_a_lane_whose_guard_fails_does_not_take_part():
    low = "@%odd vote.sync.ballot.b32 %y, %low, 0x5555aaaa;"
    high = "@!%odd vote.sync.ballot.b32 %y, !%low, 0x5555aaaa;"
    assert results(in_two_places(low, high)) == [
        0x5555AAAA if (t % 2 == 1) == (t < 16) else 7 for t in range(32)
    ]  # fmt: skip


def test_a_lane_that_exits_lets_those_go_that_waited_for_it():
    """Lane 0 waits for 1, which exits; lane 2 spins until lane 0 has gone on."""
    body = """
        setp.ge.u32 %p, %t, 3;
        @%p exit;
        st.global.u32 [%out], 0;
        setp.eq.u32 %p, %t, 1;
        @%p bra LEAVE;
        setp.eq.u32 %p, %t, 2;
        @%p bra SPIN;
        vote.sync.ballot.b32 %y, %low, 3;
        bra END;
    LEAVE:
        ld.volatile.global.u32 %i, [%out+-4];
        exit;
    SPIN:
        ld.volatile.global.u32 %i, [%out+-8];
        setp.eq.u32 %p, %i, 0;
        @%p bra SPIN;
    END:
    """
    assert results(body)[:3] == [1, 0, 7]


def test_lanes_meet_across_functions_and_their_caller():
    extra = """
    .func (.param .b32 back) swapped(.param .b32 given)
    {
        .reg .b32 %a, %b;
        ld.param.b32 %a, [given];
        add.u32 %a, %a, 5;
        shfl.sync.bfly.b32 %b, %a, 16, 31, -1;
        st.param.b32 [back], %b;
        ret;
    }
    """
    low = """
        { .param .b32 given; .param .b32 back;
        st.param.b32 [given], %x;
        call.uni (back), swapped, (given);
        ld.param.b32 %y, [back]; }
    """
    high = "shfl.sync.bfly.b32 %y, %t, 16, 31, -1;"
    assert results(in_two_places(low, high), extra) == [t + 16 if t < 16 else 100 * (t - 16) + 5 for t in range(32)]


def test_different_qualifiers_do_not_meet():
    """Both halves go on in the end, each with what its own lanes voted: nobody else can come."""
    low, high = "vote.sync.any.pred %p, %odd, -1;", "vote.sync.all.pred %p, %odd, -1;"
    show = "selp.u32 %y, 1, 0, %p;"
    assert results(f"{in_two_places(low, high)}\n{show}") == [1] * 16 + [0] * 16


@pytest.mark.xfail(strict=True, reason="a node where all lanes are taken for being together is no place to meet")
def test_lanes_in_a_branch_meet_those_that_have_left_it():
    """The low half's first vote is one with the high half's only one; its second is its own."""
    body = """
        @!%low bra END;
        vote.sync.ballot.b32 %y, %odd, -1;
    END:
        vote.sync.ballot.b32 %m, %odd, -1;
        @!%low mov.b32 %y, %m;
    """
    assert results(body) == [0xAAAAAAAA] * 32


@pytest.mark.parametrize(
    ("body", "waits"),
    [("shfl.sync.bfly.b32 %y, %x, 1, 31, -1;", False), ("@%odd shfl.sync.bfly.b32 %y, %x, 2, 31, 0xaaaaaaaa;", False),
     ("@%odd bra END;\nvote.sync.ballot.b32 %y, %low, 0x55555555;\nEND:", True)],
)  # fmt: skip
def test_only_where_lanes_can_be_apart_there_is_code_to_wait(body, waits):
    module = parse(f"{HEADER}.entry k(.param .u64 out)\n{{{FRAME}{body}\nst.global.u32 [%out], %y;\nret;\n}}", "k")
    assert ("@complete(" in lower(module, module.functions["k"], host()).ir) == waits


EXCHANGES = {
    "shfl": "shfl.sync.bfly.b32 %y, %x, 1, 31, 0xffff;",
    "vote": "vote.sync.ballot.b32 %y, %odd, 0xffff;",
    "match": "match.any.sync.b32 %y, %x, 0xffff;",
    "redux": "redux.sync.add.s32 %y, %x, 0xffff;",
    "bar.warp": "bar.warp.sync 0xffff;",
}


@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=EXCHANGES)
def test_a_lane_that_its_mask_does_not_name_is_a_fault_where_launches_are_checked(exchange):
    with pytest.raises(KernelFault, match=r"member mask does not name it.*thread \(16, 0, 0\)"):
        results(exchange)


@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=EXCHANGES)
def test_lanes_that_are_named_may_exchange_while_the_others_stay_away(exchange):
    results(f"@%low {exchange}")


def test_each_lane_may_have_a_mask_of_its_own():
    assert results("selp.b32 %m, 0xffff, 0xffff0000, %low;\nvote.sync.ballot.b32 %y, %odd, %m;") == [
        0xAAAA if t < 16 else 0xAAAA0000 for t in range(32)
    ]
