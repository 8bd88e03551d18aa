"""Threads that wait for each other: locks between lanes, flags between warps and blocks, lanes that meet by mask."""

import numpy as np
import pytest

from harness.vgpu.errors import KernelFault
from harness.vgpu.run.allocations import table
from harness.vgpu.run.mode import Mode
from harness.vgpu.run.module import load

HEADER = ".version 9.0 .target sm_75 .address_size 64\n"

ORDERS = [Mode(), Mode(reverse=True), Mode(workers=1), Mode(checked=False, counted=False)]


@pytest.fixture
def run():
    """Run the kernel `k(out)` of some PTX over an array, which comes back changed."""

    def launch(ptx, out, grid, block, mode=ORDERS[0], cooperative=False):
        table.add(out.ctypes.data, out.nbytes, "out")
        try:
            kernel = load(HEADER + ptx).kernels["k"]
            kernel.launch((grid, 1, 1), (block, 1, 1), 0, out.ctypes.data.to_bytes(8, "little"), mode, cooperative)
        finally:
            table.remove(out.ctypes.data)
        return out

    return launch


LOCK = """
.visible .entry k(.param .u64 out) {
    .reg .b32 %r<5>; .reg .b64 %rd<2>; .reg .pred %p<2>;
    ld.param.u64 %rd1, [out];
take:
    atom.global.cas.b32 %r1, [%rd1], 0, 1;
    setp.ne.s32 %p1, %r1, 0;
    @%p1 bra take;
    ld.volatile.global.u32 %r2, [%rd1+4];
    add.s32 %r2, %r2, 1;
    st.volatile.global.u32 [%rd1+4], %r2;
    membar.gl;
    atom.global.exch.b32 %r3, [%rd1], 0;
    ret;
}
"""


@pytest.mark.parametrize("mode", ORDERS, ids=str)
def test_a_spin_lock_between_the_lanes_of_a_warp_makes_progress(run, mode):
    out = run(LOCK, np.zeros(2, np.uint32), 3, 70, mode)
    assert out.tolist() == [0, 210]


CHAIN = """
.visible .entry k(.param .u64 out) {
    .reg .b32 %r<9>; .reg .b64 %rd<5>; .reg .pred %p<4>;
    ld.param.u64 %rd1, [out];
    mov.u32 %r1, %tid.x;
    mov.u32 %r2, %ctaid.x;
    mov.u32 %r3, %ntid.x;
    mad.lo.s32 %r4, %r2, %r3, %r1;
    shr.u32 %r5, %r4, 5;
    mul.wide.u32 %rd2, %r5, 4;
    add.s64 %rd3, %rd1, %rd2;
    setp.eq.u32 %p1, %r5, 0;
    mov.u32 %r6, 0;
    @%p1 bra first;
wait:
    ld.volatile.global.u32 %r6, [%rd3+-4];
    setp.eq.u32 %p2, %r6, 0;
    @%p2 bra wait;
first:
    bar.warp.sync -1;
    and.b32 %r7, %r1, 31;
    setp.ne.u32 %p3, %r7, 0;
    @%p3 bra done;
    add.s32 %r8, %r6, 1;
    st.volatile.global.u32 [%rd3], %r8;
done:
    ret;
}
"""


@pytest.mark.parametrize("mode", ORDERS, ids=str)
def test_each_warp_may_wait_for_the_one_before_it_in_its_block_and_beyond(run, mode):
    out = run(CHAIN, np.zeros(12, np.uint32), 3, 128, mode)
    assert out.tolist() == list(range(1, 13))


GRID_BARRIER = """
.visible .entry k(.param .u64 out) {
    .reg .b32 %r<9>; .reg .b64 %rd<5>; .reg .pred %p<4>;
    ld.param.u64 %rd1, [out];
    mov.u32 %r1, %ctaid.x;
    mov.u32 %r2, %nctaid.x;
    atom.global.add.u32 %r3, [%rd1], 1;
wait:
    ld.volatile.global.u32 %r4, [%rd1];
    setp.lt.u32 %p1, %r4, %r2;
    @%p1 bra wait;
    mul.wide.u32 %rd2, %r1, 4;
    add.s64 %rd3, %rd1, %rd2;
    st.global.u32 [%rd3+4], %r4;
    ret;
}
"""


@pytest.mark.parametrize("mode", ORDERS, ids=str)
def test_blocks_of_a_cooperative_launch_wait_for_all_others(run, mode):
    out = run(GRID_BARRIER, np.zeros(9, np.uint32), 8, 1, mode, cooperative=True)
    assert out.tolist() == [8] * 9


MEETING = """
.visible .entry k(.param .u64 out) {
    .reg .b32 %r<9>; .reg .b64 %rd<5>; .reg .pred %p<4>;
    ld.param.u64 %rd1, [out];
    mov.u32 %r1, %tid.x;
    and.b32 %r2, %r1, 1;
    setp.eq.u32 %p1, %r2, 0;
    mov.u32 %r3, 0;
    @%p1 bra join;
loop:
    add.s32 %r3, %r3, 1;
    setp.lt.u32 %p2, %r3, %r1;
    @%p2 bra loop;
join:
    shfl.sync.bfly.b32 %r4, %r3, 1, 31, -1;
    mul.wide.u32 %rd2, %r1, 4;
    add.s64 %rd3, %rd1, %rd2;
    st.global.u32 [%rd3], %r4;
    ret;
}
"""


def test_a_shuffle_behind_a_loop_sees_what_every_lane_ended_with(run):
    out = run(MEETING, np.zeros(32, np.uint32), 1, 32)
    assert out.tolist() == [lane + 1 if lane % 2 == 0 else 0 for lane in range(32)]


EXIT_FIRST = """
.visible .entry k(.param .u64 out) {
    .reg .b32 %r<9>; .reg .b64 %rd<5>; .reg .pred %p<4>;
    ld.param.u64 %rd1, [out];
    mov.u32 %r1, %tid.x;
    setp.ge.u32 %p1, %r1, 20;
    @%p1 exit;
    setp.lt.u32 %p2, %r1, 10;
    @%p2 bra low;
    vote.sync.ballot.b32 %r2, %p1, 0xfffffc00;
    add.s32 %r2, %r2, 1;
    bra store;
low:
    setp.lt.u32 %p3, %r1, 4;
    vote.sync.ballot.b32 %r2, %p3, 0x000003ff;
store:
    mul.wide.u32 %rd2, %r1, 4;
    add.s64 %rd3, %rd1, %rd2;
    st.global.u32 [%rd3], %r2;
    ret;
}
"""


def test_a_vote_does_not_wait_for_lanes_that_have_exited(run):
    out = run(EXIT_FIRST, np.full(32, 7, np.uint32), 1, 32)
    assert out.tolist() == [15] * 10 + [1] * 10 + [7] * 12


HALF_A_BARRIER = """
.visible .entry k(.param .u64 out) {
    .reg .b32 %r<3>; .reg .pred %p<2>;
    mov.u32 %r1, %tid.x;
    setp.lt.u32 %p1, %r1, 32;
    @%p1 bra done;
    bar.sync 1, 96;
done:
    ret;
}
"""


def test_a_barrier_that_never_fills_is_reported_and_the_process_goes_on(run):
    with pytest.raises(KernelFault, match="a barrier that not all threads of the block reach") as caught:
        run(HALF_A_BARRIER, np.zeros(1, np.uint32), 1, 96)
    assert caught.value.code == 702
    assert run(LOCK, np.zeros(2, np.uint32), 1, 1).tolist() == [0, 1]


DIVERGENT_BARRIER = """
.visible .entry k(.param .u64 out) {
    .reg .b32 %r<9>; .reg .b64 %rd<5>; .reg .pred %p<4>;
    .shared .align 4 .b8 slots[256];
    ld.param.u64 %rd1, [out];
    mov.u32 %r1, %tid.x;
    shl.b32 %r2, %r1, 2;
    and.b32 %r3, %r1, 1;
    setp.eq.u32 %p1, %r3, 0;
    st.shared.u32 [%r2], %r1;
    @%p1 bra even;
    bar.sync 0;
    bra read;
even:
    bar.sync 0;
read:
    xor.b32 %r4, %r2, 252;
    ld.shared.u32 %r5, [%r4];
    mul.wide.u32 %rd2, %r1, 4;
    add.s64 %rd3, %rd1, %rd2;
    st.global.u32 [%rd3], %r5;
    ret;
}
"""


@pytest.mark.parametrize("mode", ORDERS, ids=str)
def test_lanes_may_come_to_a_barrier_on_different_ways(run, mode):
    out = run(DIVERGENT_BARRIER, np.zeros(64, np.uint32), 1, 64, mode)
    assert out.tolist() == [63 - thread for thread in range(64)]


REDUCTIONS = """
.visible .entry k(.param .u64 out) {
    .reg .b32 %r<9>; .reg .b64 %rd<5>; .reg .pred %p<6>;
    ld.param.u64 %rd1, [out];
    mov.u32 %r1, %tid.x;
    rem.u32 %r2, %r1, 3;
    setp.eq.u32 %p1, %r2, 0;
    bar.red.popc.u32 %r3, 0, %p1;
    setp.lt.u32 %p2, %r1, 200;
    barrier.cta.red.and.aligned.pred %p3, 1, %p2;
    setp.gt.u32 %p2, %r1, 500;
    bar.red.or.pred %p4, 0, !%p2;
    selp.u32 %r4, 1000, 0, %p3;
    selp.u32 %r5, 10000, 0, %p4;
    add.u32 %r3, %r3, %r4;
    add.u32 %r3, %r3, %r5;
    mul.wide.u32 %rd2, %r1, 4;
    add.s64 %rd3, %rd1, %rd2;
    st.global.u32 [%rd3], %r3;
    ret;
}
"""


@pytest.mark.parametrize("mode", ORDERS, ids=str)
def test_a_barrier_counts_and_combines_the_votes_of_all_its_threads(run, mode):
    out = run(REDUCTIONS, np.zeros(100, np.uint32), 1, 100, mode)
    assert out.tolist() == [34 + 1000 + 10000] * 100


PRODUCERS = """
.visible .entry k(.param .u64 out) {
    .reg .b32 %r<9>; .reg .b64 %rd<5>; .reg .pred %p<4>;
    .shared .align 4 .b8 slots[128];
    ld.param.u64 %rd1, [out];
    mov.u32 %r1, %tid.x;
    and.b32 %r2, %r1, 31;
    shl.b32 %r3, %r2, 2;
    setp.lt.u32 %p1, %r1, 32;
    @%p1 bra consume;
    add.u32 %r4, %r1, 5;
    st.shared.u32 [%r3], %r4;
    bar.arrive 3, 64;
    ret;
consume:
    bar.sync 3, 64;
    ld.shared.u32 %r5, [%r3];
    mul.wide.u32 %rd2, %r1, 4;
    add.s64 %rd3, %rd1, %rd2;
    st.global.u32 [%rd3], %r5;
    ret;
}
"""


@pytest.mark.parametrize("mode", ORDERS, ids=str)
def test_a_producer_arrives_without_waiting_and_the_consumer_waits_for_it(run, mode):
    out = run(PRODUCERS, np.zeros(32, np.uint32), 2, 64, mode)
    assert out.tolist() == [lane + 37 for lane in range(32)]
