// The benchmark's kernels as nvcc compiles them: portable.h, and what only CUDA can say.
#include <cuda_fp16.h>
#include <mma.h>

#define KERNEL extern "C" __global__ void
#define GLOBAL
#define SHARED __shared__
#define BARRIER __syncthreads()
#define THREAD_X ((int)threadIdx.x)
#define THREAD_Y ((int)threadIdx.y)
#define THREADS_X ((int)blockDim.x)
#define BLOCK_X ((int)blockIdx.x)
#define BLOCK_Y ((int)blockIdx.y)
#define BLOCKS_X ((int)gridDim.x)
#define EXP expf
#define TANH tanhf
#define RSQRT rsqrtf
#define FMAX fmaxf
#define ADD_SHARED atomicAdd
#define ADD_GLOBAL atomicAdd

// Within warps by shuffles, then every warp for itself over the warps' results.
#define REDUCE(value, combined)                                             \
    for (int distance = 16; distance > 0; distance /= 2) {                  \
        const float a = value;                                              \
        const float b = __shfl_xor_sync(0xffffffff, value, distance);       \
        value = combined;                                                   \
    }                                                                       \
    __syncthreads();                                                        \
    partial[threadIdx.x / 32] = value;                                      \
    __syncthreads();                                                        \
    value = partial[threadIdx.x % 8];                                       \
    for (int distance = 4; distance > 0; distance /= 2) {                   \
        const float a = value;                                              \
        const float b = __shfl_xor_sync(0xffffffff, value, distance);       \
        value = combined;                                                   \
    }

#include "portable.h"

KERNEL sum_shuffle(float* out, const float* x, int columns)
{
    __shared__ float partial[8];
    float total = 0.0f;
    for (int column = threadIdx.x; column < columns; column += 256) {
        total += x[blockIdx.x * columns + column];
    }
    for (int distance = 16; distance > 0; distance /= 2) {
        total += __shfl_xor_sync(0xffffffff, total, distance);
    }
    if (threadIdx.x % 32 == 0) {
        partial[threadIdx.x / 32] = total;
    }
    __syncthreads();
    if (threadIdx.x < 32) {
        total = threadIdx.x < 8 ? partial[threadIdx.x] : 0.0f;
        for (int distance = 4; distance > 0; distance /= 2) {
            total += __shfl_xor_sync(0xffffffff, total, distance);
        }
        if (threadIdx.x == 0) {
            out[blockIdx.x] = total;
        }
    }
}

// out = relu(x + bias) + residual, two halves a thread.
KERNEL bias_relu_half(__half2* out, const __half2* x, const __half2* bias, const __half2* residual, int pairs)
{
    for (int pair = threadIdx.x; pair < pairs; pair += blockDim.x) {
        const int i = blockIdx.x * pairs + pair;
        out[i] = __hadd2(__hmax2(__hadd2(x[i], bias[pair]), __float2half2_rn(0.0f)), residual[i]);
    }
}

// C = A B, square; FP16 multiplicands, FP32 sums; a warp for each tile of 16 x 16, 4 warps a block.
KERNEL hgemm(float* c, const __half* a, const __half* b, int n)
{
    using namespace nvcuda::wmma;
    const int row = blockIdx.y * 16;
    const int column = (blockIdx.x * 4 + threadIdx.x / 32) * 16;
    fragment<accumulator, 16, 16, 16, float> sum;
    fill_fragment(sum, 0.0f);
    for (int tile = 0; tile < n; tile += 16) {
        fragment<matrix_a, 16, 16, 16, __half, row_major> left;
        fragment<matrix_b, 16, 16, 16, __half, row_major> right;
        load_matrix_sync(left, a + row * n + tile, n);
        load_matrix_sync(right, b + tile * n + column, n);
        mma_sync(sum, left, right, sum);
    }
    store_matrix_sync(c + row * n + column, sum, n, mem_row_major);
}
