"""What ptxas prints, and what of it is kept."""

from harness.compiler import compile_unit
from harness.resources import Resources, parse

LOG = """ptxas info    : 24 bytes gmem, 8 bytes cmem[4]
ptxas info    : Compiling entry function 'call' for 'sm_75'
ptxas info    : Function properties for call
    32 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 17 registers, used 1 barriers, 32 bytes cumulative stack size, 256 bytes smem, 360 bytes cmem[0]
ptxas info    : Compile time = 41.700 ms
ptxas info    : Function properties for _Z1ff
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Compiling entry function 'many' for 'sm_75'
ptxas info    : Function properties for many
    288 bytes stack frame, 288 bytes spill stores, 428 bytes spill loads
ptxas info    : Used 64 registers, used 1 barriers, 288 bytes cumulative stack size, 372 bytes cmem[0]
"""

SPILLS = """
extern "C" __global__ void __launch_bounds__(1024) many(float* out, const float* in, int n) {
    float v[100];
    #pragma unroll
    for (int i = 0; i < 100; i++) v[i] = in[i * n + threadIdx.x];
    __syncthreads();
    float s = 0;
    #pragma unroll
    for (int i = 0; i < 100; i++) s = s * v[i] + v[99 - i];
    out[threadIdx.x] = s;
}
extern "C" __global__ void few(float* out) {
    __shared__ float kept[64];
    kept[threadIdx.x] = out[threadIdx.x];
    __syncthreads();
    out[threadIdx.x] = kept[63 - threadIdx.x];
}
"""


def test_every_kernel_of_a_log_has_its_own_figures():
    assert parse(LOG) == {
        "call": Resources("sm_75", 17, 32, 0, 0, 256),
        "many": Resources("sm_75", 64, 288, 288, 428, 0),
    }


def test_a_log_without_kernels_says_nothing():
    assert parse("ptxas info    : 24 bytes gmem\nnvcc warning: something\n") == {}


def test_a_compiled_unit_knows_registers_spills_and_shared_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEPROOF_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "kernels.cu"
    source.write_text(SPILLS)
    first = compile_unit(source, ["many", "few"], (7, 5)).resources
    assert first["many"].registers == 64  # a block of 1024 threads leaves no more
    assert first["many"].spill_store_bytes > 0
    assert first["many"].spill_bytes == first["many"].spill_store_bytes + first["many"].spill_load_bytes
    assert (first["few"].spill_bytes, first["few"].shared_bytes, first["few"].architecture) == (0, 256, "sm_75")
    assert compile_unit(source, ["many", "few"], (7, 5)).resources == first  # from the cache
