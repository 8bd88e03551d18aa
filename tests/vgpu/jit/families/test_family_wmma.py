"""nvcuda::wmma as nvcc compiles it, and ldmatrix, stmatrix, movmatrix, against whole matrices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.vgpu.errors import KernelFault

RNG = np.random.default_rng(22)
SHAPES = ((16, 16, 16), (32, 8, 16), (8, 32, 16))
KINDS = {"half_float": ("__half", "float"), "half_half": ("__half", "__half"), "bf16": ("__nv_bfloat16", "float"),
         "s8": ("signed char", "int"), "u8": ("unsigned char", "int")}  # fmt: skip
SOURCE = r"""
#include <mma.h>
#include <cuda_bf16.h>
using namespace nvcuda::wmma;
template <int M, int N, int K, typename T, typename F, typename A, typename LA, typename LB>
__device__ void product(const T *a, const T *b, const A *c, A *d, int lda, int ldb, int ldc, layout_t out) {
    fragment<matrix_a, M, N, K, F, LA> x;
    fragment<matrix_b, M, N, K, F, LB> y;
    fragment<accumulator, M, N, K, A> z;
    load_matrix_sync(x, a, lda);
    load_matrix_sync(y, b, ldb);
    load_matrix_sync(z, c, ldc, mem_row_major);
    mma_sync(z, x, y, z);
    for (int i = 0; i < z.num_elements; i++) z.x[i] = z.x[i] + z.x[i];
    store_matrix_sync(d, z, out == mem_row_major ? ldc : M, out);
}
#define KERNEL(name, M, N, K, T, F, A, LA, LB, lda, ldb, out)                                     \
    extern "C" __global__ void name(const T *a, const T *b, const A *c, A *d) {                   \
        product<M, N, K, T, F, A, LA, LB>(a, b, c, d, lda, ldb, N, out);                          \
    }
#define IN_SHARED(name, M, N, K, T, A)                                                            \
    extern "C" __global__ void name(const T *a, const T *b, const A *c, A *d) {                   \
        __shared__ __align__(32) T x[M * K], y[K * N];                                            \
        __shared__ __align__(32) A z[M * N];                                                      \
        for (int i = threadIdx.x; i < M * K; i += 32) x[i] = a[i];                                \
        for (int i = threadIdx.x; i < K * N; i += 32) y[i] = b[i];                                \
        __syncthreads();                                                                          \
        product<M, N, K, T, T, A, row_major, row_major>(x, y, c, z, K, N, N, mem_row_major);      \
        __syncthreads();                                                                          \
        for (int i = threadIdx.x; i < M * N; i += 32) d[i] = z[i];                                \
    }
"""


def kernels() -> tuple[str, dict[str, tuple[str, int, int, int, str, str, str]]]:
    """CUDA source, and per kernel: kind, shape, layouts of A, B and D."""
    source, known = SOURCE, {}
    for kind, (type_, accumulator) in KINDS.items():
        for m, n, k in SHAPES:
            for number, (a, b, d) in enumerate((("row", "row", "row"), ("col", "col", "col"), ("row", "col", "row"))):
                name = f"{kind}_{m}_{n}_{number}"
                lda, ldb = (k if a == "row" else m), (n if b == "row" else k)
                source += (f"KERNEL({name}, {m}, {n}, {k}, {type_}, {type_}, {accumulator}, {a}_major, {b}_major, "
                           f"{lda}, {ldb}, mem_{d}_major)\n")  # fmt: skip
                known[name] = kind, m, n, k, a, b, d
        source += f"IN_SHARED({kind}_shared, 16, 16, 16, {type_}, {accumulator})\n"
        known[f"{kind}_shared"] = kind, 16, 16, 16, "row", "row", "row"
    source += "KERNEL(tf32, 16, 16, 8, float, precision::tf32, float, row_major, col_major, 8, 8, mem_row_major)\n"
    source += "KERNEL(f64, 8, 8, 4, double, double, double, col_major, row_major, 8, 8, mem_col_major)\n"
    known["tf32"], known["f64"] = ("tf32", 16, 16, 8, "row", "col", "row"), ("f64", 8, 8, 4, "col", "row", "col")
    return source, known


SOURCE_OF_ALL, ALL = kernels()
BYTES = {
    "half_float": (2, 4),
    "half_half": (2, 2),
    "bf16": (2, 4),
    "s8": (1, 4),
    "u8": (1, 4),
    "tf32": (4, 4),
    "f64": (8, 8),
}


def small(kind: str, shape: tuple[int, int]) -> np.ndarray:
    """Small integers: every format holds them, and every sum of their products, whatever the order."""
    low, high = {"u8": (0, 256), "s8": (-128, 128)}.get(kind, (-8, 9))
    return RNG.integers(low, high, shape)


def as_bytes(kind: str, values: np.ndarray, accumulator: bool) -> bytes:
    if kind == "half_half" or (kind == "half_float" and not accumulator):
        return values.astype(np.float16).tobytes()
    if kind == "bf16" and not accumulator:
        return (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).tobytes()
    if kind in ("s8", "u8"):
        return values.astype(np.int32 if accumulator else np.int64).astype("i4" if accumulator else "u1").tobytes()
    return values.astype(np.float64 if kind == "f64" else np.float32).tobytes()


def device(zeros: Callable, content: bytes) -> np.ndarray:
    array = zeros(len(content), np.uint8)
    array[:] = np.frombuffer(content, np.uint8)
    return array


@pytest.fixture(scope="module")
def inputs() -> dict[str, tuple[np.ndarray, ...]]:
    made = {}
    for name, (kind, m, n, k, *_) in ALL.items():
        made[name] = small(kind, (m, k)), small(kind, (k, n)), small("s8" if kind[0] in "su" else kind, (m, n))
    return made


@pytest.mark.parametrize("kind", [*KINDS, "tf32", "f64"])
def test_wmma_multiplies_matrices(kind: str, cuda: Callable, zeros: Callable, inputs: dict) -> None:
    compiled = cuda(SOURCE_OF_ALL, "80")
    for name, (own, m, n, _, a_layout, b_layout, d_layout) in ALL.items():
        if own != kind:
            continue
        a, b, c = inputs[name]
        arguments = [device(zeros, as_bytes(kind, matrix if layout == "row" else matrix.T.copy(), accumulator))
                     for matrix, layout, accumulator in [(a, a_layout, False), (b, b_layout, False), (c, "row", True)]]  # fmt: skip
        output = zeros(m * n * BYTES[kind][1], np.uint8)
        compiled[name](*arguments, output)
        wanted = 2 * (a @ b + c)
        if kind == "half_half":
            wanted = 2 * (a @ b + c).astype(np.float16).astype(np.float64)
        assert output.tobytes() == as_bytes(kind, wanted if d_layout == "row" else wanted.T.copy(), True), name


def test_a_matrix_outside_its_allocation_is_reported(cuda: Callable, zeros: Callable) -> None:
    arrays = [zeros(256, np.uint16), zeros(200, np.uint16), zeros(256, np.float32), zeros(256, np.float32)]
    with pytest.raises(KernelFault, match="half_float_16_16_0"):
        cuda(SOURCE_OF_ALL, "80")["half_float_16_16_0"](*arrays)


LDMATRIX = """
.visible .entry k(.param .u64 in, .param .u64 out) {{
.reg .b64 %in, %out, %at; .reg .b32 %t, %s, %r<4>; .shared .align 16 .b8 tile[512];
ld.param.u64 %in, [in]; ld.param.u64 %out, [out]; mov.u32 %t, %tid.x;
mul.wide.u32 %at, %t, 16; add.u64 %in, %in, %at; mov.u32 %s, tile; mad.lo.u32 %s, %t, 16, %s;
ld.global.v4.b32 {{%r0, %r1, %r2, %r3}}, [%in]; st.shared.v4.b32 [%s], {{%r0, %r1, %r2, %r3}};
bar.sync 0;
{0}
mul.wide.u32 %at, %t, 4; add.u64 %out, %out, %at;
st.global.b32 [%out], %r0; st.global.b32 [%out+128], %r1; st.global.b32 [%out+256], %r2; st.global.b32 [%out+384], %r3;
ret;
}}
"""


def fragment(matrix: np.ndarray) -> np.ndarray:
    """The register of each lane: elements 2t and 2t + 1 of row g."""
    return np.array([matrix[lane // 4, lane % 4 * 2] | matrix[lane // 4, lane % 4 * 2 + 1] << 16 for lane in range(32)])


@pytest.mark.parametrize("trans", ["", ".trans"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_ldmatrix(count: int, trans: str, run: Callable, zeros: Callable) -> None:
    matrices = RNG.integers(0, 0x10000, (4, 8, 8)).astype(np.uint32)
    source, output = zeros(256, np.uint16), zeros(128, np.uint32)
    source[:] = matrices.ravel()
    registers = "{" + ", ".join(f"%r{i}" for i in range(count)) + "}"
    run(LDMATRIX.format(f"ldmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16 {registers}, [%s];"), source, output)
    for i in range(count):
        wanted = fragment(matrices[i].T if trans else matrices[i])
        np.testing.assert_array_equal(output.reshape(4, 32)[i], wanted)


STMATRIX = """
.visible .entry k(.param .u64 in, .param .u64 out) {{
.reg .b64 %in, %out, %at; .reg .b32 %t, %s, %r<4>; .shared .align 16 .b8 tile[512];
ld.param.u64 %in, [in]; ld.param.u64 %out, [out]; mov.u32 %t, %tid.x; mul.wide.u32 %at, %t, 4; add.u64 %in, %in, %at;
ld.global.b32 %r0, [%in]; ld.global.b32 %r1, [%in+128]; ld.global.b32 %r2, [%in+256]; ld.global.b32 %r3, [%in+384];
mov.u32 %s, tile; mad.lo.u32 %s, %t, 16, %s;
{0}
bar.sync 0;
mul.wide.u32 %at, %t, 16; add.u64 %out, %out, %at;
ld.shared.v4.b32 {{%r0, %r1, %r2, %r3}}, [%s]; st.global.v4.b32 [%out], {{%r0, %r1, %r2, %r3}};
ret;
}}
"""


@pytest.mark.parametrize("trans", ["", ".trans"])
def test_stmatrix(trans: str, run: Callable, zeros: Callable) -> None:
    matrices = RNG.integers(0, 0x10000, (4, 8, 8)).astype(np.uint32)
    source, output = zeros(128, np.uint32), zeros(256, np.uint16)
    source[:] = np.concatenate([fragment(matrix) for matrix in matrices])
    run(
        STMATRIX.format(f"stmatrix.sync.aligned.m8n8.x4{trans}.shared.b16 [%s], {{%r0, %r1, %r2, %r3}};"),
        source,
        output,
    )
    wanted = matrices.transpose(0, 2, 1) if trans else matrices
    np.testing.assert_array_equal(output.reshape(4, 8, 8), wanted)


def test_movmatrix_transposes(run: Callable, zeros: Callable) -> None:
    matrices = RNG.integers(0, 0x10000, (4, 8, 8)).astype(np.uint32)
    source, output = zeros(256, np.uint16), zeros(128, np.uint32)
    source[:] = matrices.ravel()
    code = "ldmatrix.sync.aligned.m8n8.x4.shared::cta.b16 {%r0, %r1, %r2, %r3}, [%s];"
    code += "".join(f"movmatrix.sync.aligned.m8n8.trans.b16 %r{i}, %r{i};" for i in range(4))
    run(LDMATRIX.format(code), source, output)
    for i in range(4):
        np.testing.assert_array_equal(output.reshape(4, 32)[i], fragment(matrices[i].T))
