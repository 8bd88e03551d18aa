"""PyCUDA on the vgpu, and small kernels for it: what the tests of the driver share."""

from __future__ import annotations

import subprocess
import sys

import pytest

import harness.vgpu
from harness.vgpu import toolkit

PTX = """
.version 8.0
.target sm_75
.address_size 64

.global .align 4 .f32 offset = 0f3F800000;

.visible .entry scale(.param .u64 data, .param .f32 factor, .param .u32 n)
{
    .reg .pred %p;
    .reg .b32 %i, %n, %b, %t;
    .reg .f32 %x, %f, %o;
    .reg .b64 %a, %s;
    mov.u32 %b, %ctaid.x;
    mov.u32 %n, %ntid.x;
    mov.u32 %t, %tid.x;
    mad.lo.s32 %i, %b, %n, %t;
    ld.param.u32 %n, [n];
    setp.ge.u32 %p, %i, %n;
    @%p bra done;
    ld.param.u64 %a, [data];
    ld.param.f32 %f, [factor];
    mul.wide.u32 %s, %i, 4;
    add.s64 %a, %a, %s;
    ld.global.f32 %x, [%a];
    ld.global.f32 %o, [offset];
    fma.rn.f32 %x, %x, %f, %o;
    st.global.f32 [%a], %x;
done:
    ret;
}

.visible .entry bounded()
.maxntid 64, 1, 1
{
    ret;
}
"""

SOURCE = """
extern "C" __global__ void reverse(float* data) {
    __shared__ float kept[128];
    kept[threadIdx.x] = data[threadIdx.x];
    __syncthreads();
    data[threadIdx.x] = kept[blockDim.x - 1 - threadIdx.x];
}

extern "C" __global__ void pick(float* data, int n) {
    extern __shared__ float kept[];
    float own[48];
    for (int k = 0; k < 48; k++) own[k] = data[k * n];
    kept[threadIdx.x] = own[n & 31];
    __syncthreads();
    data[threadIdx.x] = kept[0];
}
"""


@pytest.fixture
def vgpu():
    """The process' vgpu, a T4."""
    if "pycuda._driver" in sys.modules and not harness.vgpu.is_open():
        pytest.skip("PyCUDA is bound to the driver of a real GPU in this process")
    yield harness.vgpu.open("T4", "server")
    harness.vgpu.open("T4", "server")


@pytest.fixture
def cuda(vgpu):
    """pycuda.driver with a context of the test's own."""
    import pycuda.driver

    pycuda.driver.init()
    context = pycuda.driver.Device(0).make_context()
    yield pycuda.driver
    context.detach()


@pytest.fixture
def ptx():
    """Two kernels and a variable."""
    return PTX


@pytest.fixture
def scale(cuda, ptx):
    """The kernel `data[i] = data[i] * factor + 1`, loaded from PTX."""
    module = cuda.module_from_buffer(ptx.encode())
    function = module.get_function("scale")
    function.module = module  # or PyCUDA unloads it
    return function


@pytest.fixture(scope="session")
def compile_fatbin(tmp_path_factory):
    """nvcc: SOURCE to a fatbinary, with these options."""
    folder = tmp_path_factory.mktemp("fatbin")
    nvcc = toolkit.find("nvcc")
    (folder / "kernels.cu").write_text(SOURCE)

    def compiled(*options: str) -> bytes:
        target = folder / "kernels.fatbin"
        subprocess.run([nvcc, "--fatbin", *options, folder / "kernels.cu", "-o", target], check=True)
        return target.read_bytes()

    return compiled


@pytest.fixture(scope="session")
def fatbin(compile_fatbin):
    """PTX and machine code for sm_75."""
    return compile_fatbin("--no-compress", "-gencode", "arch=compute_75,code=[sm_75,compute_75]")
