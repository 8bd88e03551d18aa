"""PTX that nvcc makes of real CUDA parses whole, and its flow graphs hold together."""

import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from harness.vgpu.ptx.parser import parse
from harness.vgpu.ptx.program import Function, Group, Instruction, Module, Register, Symbol, Vector

SOURCES = {
    "plain": r"""
        #include <cstdio>
        __constant__ float table[4] = {1.f, 2.f, 3.f, 4.f};
        __device__ int counter = 5;
        __device__ int *pointer = &counter;
        __device__ const char *names[2] = {"hello", "world"};
        __managed__ int managed = 3;
        struct __attribute__((packed)) Packed { char letter; const void *where; };
        __device__ Packed packed = {'a', &counter};
        struct Big { double a; int b; char c[3]; };
        __noinline__ __device__ float helper(float x, Big s) { return x * s.a + s.b; }
        __noinline__ __device__ Big make(int x) { Big s; s.a = x; s.b = x; return s; }
        __device__ int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
        __device__ int one(int a) { return a + 1; }
        __device__ int two(int a) { return a * 2; }
        __device__ int (*functions[2])(int) = {one, two};
        extern __shared__ float dynamic[];
        template <typename T, int N> __global__ void __launch_bounds__(256, 2) repeated(T *x) {
            __shared__ T tile[N];
            tile[threadIdx.x] = x[threadIdx.x];
            __syncthreads();
            x[threadIdx.x] = tile[N - 1 - threadIdx.x];
        }
        template __global__ void repeated<float, 256>(float *);
        template __global__ void repeated<double, 128>(double *);
        extern "C" __global__ void kernel(float *o, int n, int m, const __grid_constant__ Big big) {
            float v = helper(o[n], make(n)) + big.b + managed + ((const char *)packed.where)[n];
            unsigned lane;
            for (int i = 0; i < 2; i++) {
                asm volatile("{ .reg .u32 t; mov.u32 t, %%laneid; add.u32 %0, t, 1; }" : "=r"(lane));
                asm volatile("{ .reg .pred p; L1: setp.eq.u32 p, %1, 3; @!p bra L1; mov.u32 %0, 4; }"
                             : "+r"(lane) : "r"(n));
                asm volatile("{ .reg .pred p; L1: setp.eq.u32 p, %1, 3; @!p bra L1; mov .u32 %0, 4; }"
                             : "+r"(lane) : "r"(n));
            }
            dynamic[threadIdx.x] = v;
            switch (m) {
                case 0: v += o[1]; break;
                case 1: v *= 2; __syncthreads(); break;
                case 2: v = sinf(v); break;
                case 3: v = v / 3; o[4] = v; break;
                case 4: v = expf(v); break;
                case 5: printf("%d %f\n", n, v); break;
                case 6: v = sqrtf(v); break;
                case 7: return;
                case 8: __trap();
                default: v = clock64();
            }
            o[n] = v + lane + fibonacci(n) + functions[m & 1](n) + table[m] + *pointer + names[m & 1][n];
        }
    """,
    "library": r"""
        #include <cooperative_groups.h>
        #include <cooperative_groups/reduce.h>
        #include <cub/block/block_reduce.cuh>
        #include <cuda_fp16.h>
        #include <mma.h>
        namespace cg = cooperative_groups;
        using namespace nvcuda;
        __global__ void reduce(const float *x, float *y, int n) {
            typedef cub::BlockReduce<float, 256> Reduce;
            __shared__ typename Reduce::TempStorage storage;
            float sum = Reduce(storage).Sum(threadIdx.x < n ? x[threadIdx.x] : 0.f);
            if (!threadIdx.x) *y = sum;
            auto block = cg::this_thread_block();
            auto warp = cg::tiled_partition<32>(block);
            block.sync();
            y[threadIdx.x] = cg::reduce(warp, sum, cg::plus<float>()) + __match_any_sync(~0u, threadIdx.x);
        }
        __global__ void halves(__half2 *h, float4 *x, cudaTextureObject_t t) {
            float4 v = __ldcs(x);
            __stcg(x + 1, tex2D<float4>(t, v.x, 1.f));
            h[0] = __hfma2(h[1], h[2], h2exp(h[3]));
            atomicAdd(h, h[2]);
        }
        __global__ void matrices(const __half *a, const __half *b, float *c) {
            wmma::fragment<wmma::matrix_a, 16, 16, 16, __half, wmma::row_major> fa;
            wmma::fragment<wmma::matrix_b, 16, 16, 16, __half, wmma::col_major> fb;
            wmma::fragment<wmma::accumulator, 16, 16, 16, float> fc;
            wmma::fill_fragment(fc, 0.f);
            wmma::load_matrix_sync(fa, a, 16);
            wmma::load_matrix_sync(fb, b, 16);
            wmma::mma_sync(fc, fa, fb, fc);
            wmma::store_matrix_sync(c, fc, 16, wmma::mem_row_major);
        }
    """,
    "hopper": r"""
        #include <cooperative_groups.h>
        #include <cuda/barrier>
        #include <cuda/ptx>
        namespace cg = cooperative_groups;
        __global__ void __cluster_dims__(2, 1, 1) bulk(float *g, int *x) {
            __shared__ alignas(16) float s[64];
            __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
            if (!threadIdx.x) init(&barrier, 256);
            cg::this_cluster().sync();
            cuda::memcpy_async(cg::this_thread_block(), s, g, sizeof(s), barrier);
            barrier.arrive_and_wait();
            int coordinates[2] = {1, 2};
            cuda::ptx::cp_async_bulk_tensor(cuda::ptx::space_global, cuda::ptx::space_shared, g, coordinates, s);
            g[0] = s[0] + __reduce_add_sync(~0u, x[0]);
        }
    """,
}

BUILDS = {
    "plain": ("plain", "-arch=sm_75"),
    "plain-lineinfo": ("plain", "-arch=sm_75", "-lineinfo"),
    "plain-debug": ("plain", "-arch=sm_75", "-G"),
    "plain-unoptimised": ("plain", "-arch=sm_100", "-Xcicc", "-O0"),
    "library": ("library", "-arch=sm_80", "-lineinfo"),
    "hopper": ("hopper", "-arch=sm_90a"),
}


@pytest.fixture(scope="module")
def compile_ptx(nvcc: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Compile one of the sources with options."""
    include = nvcc.parent.parent / "include" / "cccl"

    @cache
    def compile_(source: str, *options: str) -> str:
        folder = tmp_path_factory.mktemp(source)
        (folder / "source.cu").write_text(SOURCES[source])
        command = [str(nvcc), "-ptx", "-w", f"-I{include}", *options, "-o", "out.ptx", "source.cu"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return (folder / "out.ptx").read_text()

    return compile_


@pytest.mark.parametrize("build", BUILDS)
def test_real_ptx_parses_whole(compile_ptx: Callable[..., str], build: str) -> None:
    text = compile_ptx(*BUILDS[build])
    module = parse(text, build)
    entries = [line.split("(")[0].split()[-1] for line in text.splitlines() if " .entry " in line]
    assert entries
    assert [name for name, function in module.functions.items() if function.is_kernel] == entries
    for function in module.functions.values():
        check(function, module)


def check(function: Function, module: Module) -> None:
    """Names are unique and known, and every successor stands where its block's last instruction says."""
    variables = [v.name for v in (*function.parameters, *function.returns, *function.variables)]
    registers = [register.name for register in function.registers]
    assert len(set(variables)) == len(variables)
    assert len(set(registers)) == len(registers)
    known_registers = set(function.registers)
    index_of = {label: block.index for block in function.blocks for label in block.labels}
    known_symbols = {*variables, *module.variables, *module.functions, *module.prototypes, *function.call_prototypes}
    for block in function.blocks:
        last = block.instructions[-1]
        assert all(index in range(len(function.blocks)) for index in block.successors)
        if last.opcode == "bra":
            target = last.operands[0]
            assert isinstance(target, Symbol)
            assert block.successors[0] == index_of[target.name]
        for instruction in block.instructions:
            if instruction.opcode == "bra":
                assert instruction is last
                continue
            if instruction.opcode == "call":
                assert [isinstance(operand, Group) for operand in instruction.operands[:3]] == [True, False, True]
            for leaf in leaves(instruction):
                assert not isinstance(leaf, Register) or leaf in known_registers
                assert not isinstance(leaf, Symbol) or leaf.name in known_symbols


def leaves(instruction: Instruction) -> list[object]:
    """The registers, symbols and numbers of an instruction's operands and guard."""
    found: list[object] = [instruction.guard.register] if instruction.guard else []
    for operand in instruction.operands:
        found += operand.elements if isinstance(operand, Group | Vector) else [getattr(operand, "base", operand)]
    return found


def test_lines_of_inlined_code_are_those_of_the_header(compile_ptx: Callable[..., str]) -> None:
    module = parse(compile_ptx(*BUILDS["library"]))
    [reduce] = [function for name, function in module.functions.items() if "reduce" in name]
    shuffles = [i for block in reduce.blocks for i in block.instructions if i.opcode == "shfl"]
    assert shuffles
    assert all(shuffle.source and shuffle.source.file.endswith((".cuh", ".h", ".hpp")) for shuffle in shuffles)
    stores = [i.source for block in reduce.blocks for i in block.instructions if i.form == "st.global.f32"]
    assert {Path(source.file).name for source in stores if source} == {"source.cu"}
