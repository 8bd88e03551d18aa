// The benchmark's kernels as PoCL compiles them: portable.h, and the equivalents of what only CUDA can say.

#define KERNEL __kernel void
#define GLOBAL __global
#define SHARED __local
#define BARRIER barrier(CLK_LOCAL_MEM_FENCE)
#define THREAD_X ((int)get_local_id(0))
#define THREAD_Y ((int)get_local_id(1))
#define THREADS_X ((int)get_local_size(0))
#define BLOCK_X ((int)get_group_id(0))
#define BLOCK_Y ((int)get_group_id(1))
#define BLOCKS_X ((int)get_num_groups(0))
#define EXP exp
#define TANH tanh
#define RSQRT rsqrt
#define FMAX fmax
#define ADD_SHARED atomic_add
#define ADD_GLOBAL atomic_add

// PoCL's CPU device has no shuffles: by a tree in local memory.
#define REDUCE(value, combined)                                 \
    BARRIER;                                                    \
    partial[THREAD_X] = value;                                  \
    BARRIER;                                                    \
    for (int distance = 128; distance > 0; distance /= 2) {     \
        if (THREAD_X < distance) {                              \
            const float a = partial[THREAD_X];                  \
            const float b = partial[THREAD_X + distance];       \
            partial[THREAD_X] = combined;                       \
        }                                                       \
        BARRIER;                                                \
    }                                                           \
    value = partial[0]

#include "portable.h"

KERNEL sum_shuffle(__global float* out, __global const float* x, int columns)
{
    __local float partial[256];
    float total = 0.0f;
    for (int column = THREAD_X; column < columns; column += 256) {
        total += x[BLOCK_X * columns + column];
    }
    REDUCE(total, a + b);
    if (THREAD_X == 0) {
        out[BLOCK_X] = total;
    }
}

// PoCL's CPU device has no half arithmetic: halves are loaded and stored as such, computed with in FP32.
KERNEL bias_relu_half(__global half* out, __global const half* x, __global const half* bias,
                      __global const half* residual, int pairs)
{
    for (int pair = THREAD_X; pair < pairs; pair += THREADS_X) {
        const int i = BLOCK_X * pairs + pair;
        vstore_half2(fmax(vload_half2(i, x) + vload_half2(pair, bias), 0.0f) + vload_half2(i, residual), i, out);
    }
}

// The same tiles as by wmma, through local memory; a block of 256 for each tile of 16 x 16.
KERNEL hgemm(__global float* c, __global const half* a, __global const half* b, int n)
{
    __local float left[16][16];
    __local float right[16][16];
    const int row = BLOCK_Y * 16 + THREAD_Y;
    const int column = BLOCK_X * 16 + THREAD_X;
    float sum = 0.0f;
    for (int tile = 0; tile < n; tile += 16) {
        left[THREAD_Y][THREAD_X] = vload_half(row * n + tile + THREAD_X, a);
        right[THREAD_Y][THREAD_X] = vload_half((tile + THREAD_Y) * n + column, b);
        BARRIER;
        for (int k = 0; k < 16; ++k) {
            sum += left[THREAD_Y][k] * right[k][THREAD_X];
        }
        BARRIER;
    }
    c[row * n + column] = sum;
}
