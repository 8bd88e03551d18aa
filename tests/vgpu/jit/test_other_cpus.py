"""Code for 64-bit Arm can be made on any host: LLVM brings the back end."""

import struct

import pytest

from harness.vgpu.jit.compile import object_code
from harness.vgpu.jit.lowering import lower
from harness.vgpu.jit.target import Target
from harness.vgpu.ptx.parser import parse

TARGETS = {
    "neoverse-n1": Target("neoverse-n1", "+fullfp16", "aarch64-unknown-linux-gnu"),
    "cortex-a72": Target("cortex-a72", "", "aarch64-unknown-linux-gnu"),
}
EM_AARCH64 = 183

REDUCTION = """
.version 9.0 .target sm_75 .address_size 64
.visible .entry k(.param .u64 out) {
    .reg .b32 %r<9>; .reg .f32 %f<5>; .reg .b64 %rd<4>; .reg .pred %p<3>; .reg .b16 %h<3>;
    .shared .align 4 .b8 sums[128];
    ld.param.u64 %rd1, [out];
    mov.u32 %r1, %tid.x;
    cvt.rn.f32.u32 %f1, %r1;
    shfl.sync.bfly.b32 %r2, %f1, 16, 31, -1;
    shl.b32 %r3, %r1, 2;
    st.shared.f32 [%r3], %f1;
    bar.sync 0;
    setp.lt.u32 %p1, %r1, 7;
    @%p1 bra skip;
    ld.shared.f32 %f2, [%r3];
    fma.rn.f32 %f3, %f2, %f1, %f1;
    cvt.rn.f16.f32 %h1, %f3;
    fma.rn.f16 %h2, %h1, %h1, %h1;
    mul.wide.u32 %rd2, %r1, 2;
    add.s64 %rd3, %rd1, %rd2;
    st.global.b16 [%rd3], %h2;
skip:
    ret;
}
"""


@pytest.mark.parametrize("name", TARGETS)
def test_a_kernel_with_barriers_shuffles_and_halves_becomes_arm_code(name):
    module = parse(REDUCTION)
    code = object_code(lower(module, module.functions["k"], TARGETS[name]).ir, TARGETS[name])
    assert code[:4] == b"\x7fELF"
    assert struct.unpack_from("<H", code, 18)[0] == EM_AARCH64
