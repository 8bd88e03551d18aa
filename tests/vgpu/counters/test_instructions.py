"""Requests of instructions that CUDA C++ reaches only on newer GPUs, or not surely: written in PTX."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vgpu.counters.conftest import COUNTED
from tests.vgpu.jit.ptx_bench import aligned, run

HEAD = """
.entry k(.param .u64 memory) {
.shared .align 128 .b8 tile[8192];
.reg .pred %p; .reg .b32 %t, %lane, %s, %q, %r<8>; .reg .b64 %m, %a, %g; .reg .f32 %f; .reg .b16 %h;
ld.param.u64 %m, [memory];
mov.u32 %t, %tid.x;
"""


def counted(body, nbytes=8192):
    memory = aligned(nbytes, np.uint8)
    return run(f"{HEAD}{body}\nret;\n}}", memory, mode=COUNTED)


def test_ldmatrix_takes_a_wavefront_for_eight_rows_of_16_bytes():
    c = counted("""
        mov.u32 %s, tile; mad.lo.u32 %s, %t, 16, %s;
        ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r0, %r1, %r2, %r3}, [%s];
    """)
    assert (c.shared_load_requests, c.shared_load_wavefronts, c.shared_load_ideal_wavefronts) == (1, 4, 4)


def test_ldmatrix_conflicts_where_rows_lie_128_bytes_apart():
    c = counted("""
        mov.u32 %s, tile; mad.lo.u32 %s, %t, 128, %s;
        ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r0, %r1, %r2, %r3}, [%s];
    """)
    assert (c.shared_load_wavefronts, c.shared_load_ideal_wavefronts) == (32, 4)


@pytest.mark.parametrize(("cache", "size", "l2_bytes"), [("ca", 16, 512), ("cg", 16, 1024), ("ca", 4, 128)])
def test_cp_async_loads_from_global_and_stores_to_shared_memory(cache, size, l2_bytes):
    copy = f"cp.async.{cache}.shared.global [%s], [%a], {size};"
    c = counted(f"""
        mov.u32 %s, tile; mad.lo.u32 %s, %t, {size}, %s;
        mul.wide.u32 %a, %t, {size}; add.u64 %a, %m, %a;
        {copy} {copy}
        cp.async.wait_all;
    """)
    assert (c.load_requests, c.sectors_read, c.ideal_sectors_read) == (2, 2 * size, 2 * size)
    assert (c.shared_store_requests, c.shared_store_wavefronts) == (2, 2 * size // 4)
    assert c.l2_read_bytes == l2_bytes  # .cg passes L1
    assert c.dram_read_bytes == 32 * size
    assert c.longest.load_requests == 2


def test_a_copy_of_which_lanes_read_parts_is_one_request():
    c = counted("""
        mov.u32 %s, tile; mad.lo.u32 %s, %t, 16, %s;
        mul.wide.u32 %a, %t, 16; add.u64 %a, %m, %a;
        and.b32 %q, %t, 15;
        cp.async.ca.shared.global [%s], [%a], 16, %q;
    """)
    assert (c.load_requests, c.shared_store_requests) == (1, 1)
    assert c.sectors_read == 16  # lanes 0 and 16 read nothing, their neighbours half of the sector


def test_a_generic_access_counts_where_it_lands():
    c = counted("""
        mov.u32 %s, tile; mad.lo.u32 %s, %t, 4, %s;
        cvt.u64.u32 %g, %s; cvta.shared.u64 %g, %g;
        mul.wide.u32 %a, %t, 4; add.u64 %a, %m, %a;
        setp.lt.u32 %p, %t, 8;
        selp.b64 %a, %g, %a, %p;
        ld.f32 %f, [%a];
    """)
    assert (c.load_requests, c.sectors_read) == (1, 3)  # 24 lanes
    assert (c.shared_load_requests, c.shared_load_wavefronts) == (1, 1)  # the first eight


def test_a_request_without_active_lanes_is_none():
    c = counted("""
        setp.gt.u32 %p, %t, 99;
        @%p ld.global.f32 %f, [%m];
        mul.wide.u32 %a, %t, 4; add.u64 %a, %m, %a;
        @%p st.global.f32 [%a], %f;
    """)
    assert c.load_requests == c.store_requests == c.sectors == 0
    assert c.instructions["memory"] == 2  # they are executed all the same


def test_a_load_for_all_lanes_at_once_is_a_request_of_one_sector():
    c = counted("ld.global.v4.f32 {%f, %f, %f, %f}, [%m];")
    assert (c.load_requests, c.sectors_read, c.ideal_sectors_read) == (1, 1, 1)


@pytest.mark.parametrize(("instruction", "atomics", "reductions"), [
    ("red.global.add.u32 [%a], 1;", 0, 1),
    ("atom.global.add.u32 %q, [%a], 1; st.global.u32 [%a], %q;", 1, 0),
    ("atom.global.add.u32 %q, [%a], 1;", 0, 1),  # ptxas makes a reduction of it: nobody reads %q
    ("red.global.add.noftz.f16x2 [%a], 0;", 0, 1),
])  # fmt: skip
def test_atomics_whose_result_nobody_reads_are_reductions(instruction, atomics, reductions):
    c = counted(f"mul.wide.u32 %a, %t, 4; add.u64 %a, %m, %a; {instruction}")
    assert (c.atomics, c.reductions) == (atomics, reductions)
    assert c.sectors_read == 4
    assert c.dram_bytes == 2 * 128  # read and written


def test_every_mma_counts_its_flops():
    c = counted("""
        mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
            {%f, %f, %f, %f}, {%r0, %r1, %r2, %r3}, {%r4, %r5}, {%f, %f, %f, %f};
        mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32
            {%r0, %r1, %r2, %r3}, {%r0, %r1, %r2, %r3}, {%r4, %r5}, {%r0, %r1, %r2, %r3};
    """)
    assert c.tensor_flops == {"f16": 2 * 16 * 8 * 16, "s8": 2 * 16 * 8 * 32}


def test_an_exit_that_some_lanes_take_diverges():
    c = counted("setp.lt.u32 %p, %t, 5; @%p exit;")
    assert (c.branches, c.divergent_branches) == (1, 1)
    assert counted("setp.lt.u32 %p, %t, 32; @%p exit;").divergent_branches == 0


def test_a_switch_whose_lanes_go_two_ways_diverges():
    body = "{divide} targets: .branchtargets one, two; brx.idx %q, targets; one: add.u32 %r0, %t, 1; two:"
    same, apart = (counted(body.format(divide=text)) for text in ("shr.u32 %q, %t, 5;", "shr.u32 %q, %t, 4;"))
    assert (same.branches, same.divergent_branches) == (1, 0)
    assert (apart.branches, apart.divergent_branches) == (1, 1)
