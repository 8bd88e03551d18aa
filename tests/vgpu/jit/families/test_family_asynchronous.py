"""cp.async, mbarrier, hints, fences, and what is refused with a reason."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.vgpu.errors import KernelFault, UnsupportedPtx

CUDA = r"""
#include <cuda/pipeline>
#include <cuda/barrier>
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
namespace cg = cooperative_groups;
#pragma nv_diag_suppress static_var_with_dynamic_init
extern "C" __global__ void staged(const float *in, float *out, int n) {
    __shared__ __align__(16) float tile[2][128];
    __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, 2> state;
    auto block = cg::this_thread_block();
    auto pipe = cuda::make_pipeline(block, &state);
    int batches = n / 128;
    for (int batch = 0, fetched = 0; batch < batches; batch++) {
        for (; fetched < batches && fetched < batch + 2; fetched++) {
            pipe.producer_acquire();
            cuda::memcpy_async(block, tile[fetched % 2], in + fetched * 128, cuda::aligned_size_t<16>(512), pipe);
            pipe.producer_commit();
        }
        pipe.consumer_wait();
        out[batch * 128 + threadIdx.x] = tile[batch % 2][127 - threadIdx.x] * 2;
        pipe.consumer_release();
    }
}
extern "C" __global__ void barriers(const float *in, float *out, int n) {
    __shared__ __align__(16) float tile[128];
    __shared__ cuda::barrier<cuda::thread_scope_block> bar;
    auto block = cg::this_thread_block();
    if (threadIdx.x == 0) init(&bar, blockDim.x);
    __syncthreads();
    for (int batch = 0; batch < n / 128; batch++) {
        cuda::memcpy_async(block, tile, in + batch * 128, 512, bar);
        bar.arrive_and_wait();
        out[batch * 128 + threadIdx.x] = tile[127 - threadIdx.x] * 2;
        auto token = bar.arrive();
        bar.wait(std::move(token));
    }
}
extern "C" __global__ void groups(const float *in, float *out, int n) {
    __shared__ __align__(16) float tile[128];
    auto block = cg::this_thread_block();
    for (int batch = 0; batch < n / 128; batch++) {
        cg::memcpy_async(block, tile, in + batch * 128, 512);
        cg::wait(block);
        out[batch * 128 + threadIdx.x] = tile[127 - threadIdx.x] * 2;
        block.sync();
    }
}
"""


@pytest.mark.parametrize("arch", ["80", "90"])
@pytest.mark.parametrize("name", ["staged", "barriers", "groups"])
def test_pipelines_and_barriers_of_the_cuda_library(name: str, arch: str, cuda: Callable, zeros: Callable) -> None:
    source, output = zeros(640, np.float32), zeros(640, np.float32)
    source[:] = np.arange(640)
    cuda(CUDA, arch)[name](source, output, 640, block=128)
    np.testing.assert_array_equal(output, 2 * np.arange(640).reshape(5, 128)[:, ::-1].ravel())


COPY = """
.visible .entry k(.param .u64 in, .param .u64 out, .param .u64 sizes) {{
.reg .b64 %in, %out, %at, %sizes; .reg .b32 %t, %s, %n, %r<4>; .reg .pred %p; .shared .align 16 .b8 tile[512];
ld.param.u64 %in, [in]; ld.param.u64 %out, [out]; ld.param.u64 %sizes, [sizes]; mov.u32 %t, %tid.x;
mul.wide.u32 %at, %t, 4; add.u64 %sizes, %sizes, %at; ld.global.u32 %n, [%sizes]; setp.ne.u32 %p, %n, 0;
mul.wide.u32 %at, %t, {size}; add.u64 %in, %in, %at; add.u64 %out, %out, %at;
mov.u32 %s, tile; mad.lo.u32 %s, %t, {size}, %s;
{copy}
cp.async.commit_group; cp.async.wait_group 0; cp.async.wait_all;
{move}
ret;
}}
"""
MOVES = {4: "ld.shared.b32 %r0, [%s]; st.global.b32 [%out], %r0;",
         8: "ld.shared.v2.b32 {%r0, %r1}, [%s]; st.global.v2.b32 [%out], {%r0, %r1};",
         16: "ld.shared.v4.b32 {%r0, %r1, %r2, %r3}, [%s]; st.global.v4.b32 [%out], {%r0, %r1, %r2, %r3};"}  # fmt: skip


@pytest.mark.parametrize("size", [4, 8, 16])
def test_copies_fill_with_zeros_what_they_do_not_read(size: int, run: Callable, zeros: Callable) -> None:
    source, output, sizes = zeros(32 * size, np.uint8), zeros(32 * size, np.uint8), zeros(32, np.uint32)
    source[:] = np.random.default_rng(1).integers(1, 256, 32 * size)
    sizes[:] = np.arange(32) % (size + 1)
    cache = "cg" if size == 16 else "ca"
    instruction = f"cp.async.{cache}.shared.global.L2::128B [%s], [%in], {size}"
    run(COPY.format(size=size, copy=f"{instruction}, %n;", move=MOVES[size]), source, output, sizes)
    wanted = source.reshape(32, size).copy()
    for lane in range(32):
        wanted[lane, lane % (size + 1) :] = 0
    np.testing.assert_array_equal(output.reshape(32, size), wanted)
    run(COPY.format(size=size, copy=f"{instruction}, %p;", move=MOVES[size]), source, output, sizes)
    wanted = np.where(sizes[:, None] != 0, 0, source.reshape(32, size))
    np.testing.assert_array_equal(output.reshape(32, size), wanted)
    run(COPY.format(size=size, copy=f"{instruction};", move=MOVES[size]), source, output, sizes)
    np.testing.assert_array_equal(output, source)


def test_a_copy_out_of_bounds_is_reported_unless_nothing_is_read(run: Callable, zeros: Callable) -> None:
    source, output, sizes = zeros(31 * 16, np.uint8), zeros(512, np.uint8), zeros(32, np.uint32)
    copy = "cp.async.cg.shared.global [%s], [%in], 16"
    sizes[:31] = 16
    run(COPY.format(size=16, copy=f"{copy}, %n;", move=MOVES[16]), source, output, sizes)
    with pytest.raises(KernelFault, match="behind the end"):
        run(COPY.format(size=16, copy=f"{copy};", move=MOVES[16]), source, output, sizes)


MBARRIER = """
.visible .entry k(.param .u64 out) {
.reg .b64 %out, %at, %state<6>; .reg .b32 %t, %count; .reg .pred %p<9>, %first; .shared .align 8 .b64 object;
ld.param.u64 %out, [out]; mov.u32 %t, %tid.x; setp.eq.u32 %first, %t, 0; mul.wide.u32 %at, %t, 4; add.u64 %out, %out, %at;
@%first mbarrier.init.shared::cta.b64 [object], 33;
bar.sync 0;
mbarrier.arrive.shared.b64 %state0, [object];
mbarrier.pending_count.b64 %count, %state0;
st.global.b32 [%out], %count;
mbarrier.test_wait.shared.b64 %p0, [object], %state0;
mbarrier.test_wait.parity.shared.b64 %p1, [object], 0;
mbarrier.test_wait.parity.shared.b64 %p2, [object], 1;
bar.sync 0;
@%first mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [object], 64;
@%first mbarrier.arrive_drop.shared.b64 %state1, [object];
bar.sync 0;
mbarrier.test_wait.shared.b64 %p3, [object], %state0;
bar.sync 0;
@%first mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [object], 64;
bar.sync 0;
mbarrier.try_wait.shared.b64 %p4, [object], %state0, 100;
mbarrier.test_wait.parity.shared.b64 %p5, [object], 0;
mbarrier.arrive.release.cta.shared::cta.b64 %state2, [object], 1;
bar.sync 0;
mbarrier.pending_count.b64 %count, %state2;
st.global.b32 [%out+128], %count;
mbarrier.try_wait.parity.shared.b64 %p6, [object], 1;
bar.sync 0;
cp.async.mbarrier.arrive.shared.b64 [object];
cp.async.mbarrier.arrive.noinc.shared.b64 [object];
mbarrier.test_wait.parity.shared.b64 %p7, [object], 0;
mbarrier.inval.shared.b64 [object];
"""
BITS = "".join(f"selp.u32 %count, {1 << i}, 0, %p{i}; or.b32 %all, %all, %count; " for i in range(8))


def test_mbarrier_phases(run: Callable, zeros: Callable) -> None:
    output = zeros(96, np.uint32)
    text = MBARRIER + ".reg .b32 %all; mov.u32 %all, 0; " + BITS + "st.global.b32 [%out+256], %all; ret;\n}\n"
    run(text, output)
    first, second, waits = output.reshape(3, 32)
    np.testing.assert_array_equal(first, 33 - np.arange(32))  # pending before each arrival
    np.testing.assert_array_equal(second, 32 - np.arange(32))  # the next phase expects one fewer
    # not over: the phase of state0, parity 0; over: parity 1, the phase before. Then bytes hold the phase, then it ends
    expected = [False, False, True, False, True, True, True, True]
    assert set(waits.tolist()) == {sum(1 << i for i, holds in enumerate(expected) if holds)}


PACKED = """
.visible .entry k(.param .u64 at, .param .u64 old, .param .u64 in) {{
.reg .b64 %at, %old, %in, %w; .reg .b32 %t, %r<4>, %q<4>; .reg .b16 %h<8>, %g<8>; .reg .b128 %x<3>; .reg .b64 %d<6>; .reg .f32 %f<4>;
ld.param.u64 %at, [at]; ld.param.u64 %old, [old]; ld.param.u64 %in, [in]; mov.u32 %t, %tid.x;
mul.wide.u32 %w, %t, 16; add.u64 %in, %in, %w; add.u64 %old, %old, %w;
{0}
ret;
}}
"""


def half(bits: np.ndarray, name: str) -> np.ndarray:
    if name == "f16":
        return bits.astype(np.uint16).view(np.float16).astype(np.float32)
    return (bits.astype(np.uint32) << 16).view(np.float32)


def rounded(value: np.ndarray, name: str) -> np.ndarray:
    if name == "f16":
        return np.where(np.isnan(value), 0x7FFF, value.astype(np.float16).view(np.uint16))
    bits = value.astype(np.float32).view(np.uint32).astype(np.uint64)
    return np.where(np.isnan(value), 0x7FFF, (bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


@pytest.mark.parametrize("name", ["f16", "bf16"])
@pytest.mark.parametrize("operation", ["add", "min", "max"])
def test_half_atomics_in_order_of_lanes(name: str, operation: str, run: Callable, zeros: Callable) -> None:
    rng = np.random.default_rng(2)
    for count, form, loads, stores in [
        (1, "%g0, [%at], %h0", "ld.global.b16 %h0, [%in];", "st.global.b16 [%old], %g0;"),
        (2, "x2 %q0, [%at], %r0", "ld.global.b32 %r0, [%in];", "st.global.b32 [%old], %q0;"),
        (4, "v4 {%g0, %g1, %g2, %g3}, [%at], {%h0, %h1, %h2, %h3}", "ld.global.v4.b16 {%h0, %h1, %h2, %h3}, [%in];",
         "st.global.v4.b16 [%old], {%g0, %g1, %g2, %g3};"),
    ]:  # fmt: skip
        if operation != "add" and count < 4:
            continue
        values = rng.integers(0, 0x10000, (33, count))
        place, old, source = zeros(8, np.uint16), zeros(256, np.uint16), zeros(256, np.uint16)
        place[:count], source.reshape(32, 8)[:, :count] = values[32], values[:32]
        vector, _, operands = ("", "", form) if form[0] == "%" else form.partition(" ")
        vector, type_ = (f".{vector}", name) if vector == "v4" else ("", name + vector)
        run(
            PACKED.format(f"{loads} atom.global{vector}.{operation}.noftz.{type_} {operands}; {stores}"),
            place,
            old,
            source,
        )
        now = values[32]
        with np.errstate(all="ignore"):
            for lane in range(32):
                np.testing.assert_array_equal(old.reshape(32, 8)[lane, :count], now)
                x, y = half(now, name), half(values[lane], name)
                first = (x < y) == (operation == "min")
                extreme = np.where(np.isnan(x) | (~first & ~np.isnan(y)), y, x)
                combined = x + y if operation == "add" else extreme
                now = rounded(combined, name)
        np.testing.assert_array_equal(place[:count], now)


def test_vectors_of_fp32_add_and_wide_words_exchange(run: Callable, zeros: Callable) -> None:
    place, old, source = zeros(4, np.float32), zeros(128, np.float32), zeros(128, np.float32)
    source[:] = np.random.default_rng(3).standard_normal(128)
    load = "ld.global.v4.f32 {%f0, %f1, %f2, %f3}, [%in];"
    run(PACKED.format(load + "red.global.add.v4.f32 [%at], {%f0, %f1, %f2, %f3};"), place, old, source)
    total = np.zeros(4, np.float32)
    for row in source.reshape(32, 4):
        total += row
    np.testing.assert_array_equal(place, total)
    place, old, source = zeros(2), zeros(64), zeros(64)
    source[:], place[:] = np.arange(64) * 3 + 1, (7, 9)
    load = "ld.global.v2.b64 {%d0, %d1}, [%in]; mov.b128 %x0, {%d0, %d1};"
    store = "mov.b128 {%d2, %d3}, %x1; st.global.v2.b64 [%old], {%d2, %d3};"
    run(PACKED.format(f"{load} atom.global.exch.b128 %x1, [%at], %x0; {store}"), place, old, source)
    np.testing.assert_array_equal(old, np.concatenate([[7, 9], source[:-2]]))
    np.testing.assert_array_equal(place, source[-2:])
    compare = "mov.b64 %d4, 4; mov.b64 %d5, 0; mov.b128 %x2, {%d4, %d5};"
    place[:] = (4, 0)
    run(PACKED.format(f"{load} {compare} atom.global.cas.b128 %x1, [%at], %x2, %x0; {store}"), place, old, source)
    np.testing.assert_array_equal(place, source[:2])  # lane 0 found what it expected; nobody after it
    np.testing.assert_array_equal(old.reshape(32, 2)[:3], [[4, 0], source[:2], source[:2]])


def test_hints_and_fences_change_nothing(run: Callable, zeros: Callable) -> None:
    place, old, source = zeros(4, np.uint32), zeros(128, np.uint32), zeros(128, np.uint32)
    source[:] = np.arange(128)
    run(PACKED.format("""
        createpolicy.fractional.L2::evict_last.b64 %d0, 1.0;
        prefetch.global.L2 [%in]; prefetchu.L1 [%in]; discard.global.L2 [%at], 128; applypriority.global.L2::evict_normal [%at], 128;
        fence.proxy.async; fence.mbarrier_init.release.cluster; fence.acq_rel.cluster; fence.sc.sys; membar.gl; fence.proxy.alias;
        griddepcontrol.wait; griddepcontrol.launch_dependents;
        ld.global.L1::no_allocate.L2::cache_hint.v4.b32 {%r0, %r1, %r2, %r3}, [%in], %d0;
        red.global.add.L2::cache_hint.u32 [%at], %r1, %d0;
        st.global.L2::cache_hint.v4.b32 [%old], {%r0, %r1, %r2, %r3}, %d0;
    """), place, old, source)  # fmt: skip
    np.testing.assert_array_equal(old, source)
    assert place[0] == source.reshape(32, 4)[:, 1].sum()


@pytest.mark.parametrize(
    ("instruction", "reason"),
    [
        ("wgmma.fence.sync.aligned;", "tensor-core"),
        ("cp.async.bulk.commit_group;", "tensor memory accelerator"),
        ("mapa.shared::cluster.u32 %r0, %r1, 0;", "clusters"),
        ("sust.b.1d.b32.trap [%at, {%r0}], %r1;", "surfaces"),
    ],
)
def test_what_is_not_run_says_why(instruction: str, reason: str, run: Callable, zeros: Callable) -> None:
    with pytest.raises(UnsupportedPtx, match=reason):
        run(PACKED.format(instruction), zeros(4), zeros(64), zeros(64))
