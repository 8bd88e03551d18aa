// Small kernels whose counters can be worked out by hand.
#include <cuda_fp16.h>
#include <mma.h>

#define KERNEL extern "C" __global__ void

// --- global memory ---------------------------------------------------------------------------------------------------

KERNEL copy_strided(float* out, const float* in, int stride, int offset)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    out[i] = in[i * stride + offset];
}

KERNEL copy_half2(__half2* out, const __half2* in)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    out[i] = __hadd2(in[i], in[i]);
}

KERNEL copy_float4(float4* out, const float4* in)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    out[i] = in[i];
}

KERNEL broadcast(float* out, const float* in)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    out[i] = in[i / 32];
}

KERNEL transpose(float* out, const float* in, int n)
{
    const int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
    out[x * n + y] = in[y * n + x];
}

KERNEL read_again(float* out, const float* in, int rounds)
{
    float sum = 0;
    for (int round = 0; round < rounds; ++round) {
        sum += in[(threadIdx.x + round * 32) % 64];
        __syncthreads();
    }
    out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

KERNEL read_around_l1(float* out, const float* in, int rounds)
{
    float sum = 0;
    for (int round = 0; round < rounds; ++round) {
        sum += __ldcg(in + (threadIdx.x + round * 32) % 64);
        __syncthreads();
    }
    out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

// --- shared memory ---------------------------------------------------------------------------------------------------

template <int Columns>
__device__ void transpose_shared(float* out, const float* in, int n)
{
    __shared__ float tile[32][Columns];
    const int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
    tile[threadIdx.y][threadIdx.x] = in[y * n + x];
    __syncthreads();
    out[(blockIdx.x * 32 + threadIdx.y) * n + blockIdx.y * 32 + threadIdx.x] = tile[threadIdx.x][threadIdx.y];
}

KERNEL transpose_tile_32(float* out, const float* in, int n) { transpose_shared<32>(out, in, n); }
KERNEL transpose_tile_33(float* out, const float* in, int n) { transpose_shared<33>(out, in, n); }

template <typename T>
__device__ void read_shared(T* out, int stride, int divide)
{
    extern __shared__ char memory[];
    out[threadIdx.x] = reinterpret_cast<T*>(memory)[threadIdx.x / divide * stride];
}

KERNEL read_shared_8(char* out, int stride, int divide) { read_shared(out, stride, divide); }
KERNEL read_shared_32(float* out, int stride, int divide) { read_shared(out, stride, divide); }
KERNEL read_shared_64(double* out, int stride, int divide) { read_shared(out, stride, divide); }
KERNEL read_shared_128(float4* out, int stride, int divide) { read_shared(out, stride, divide); }

KERNEL write_shared_64(double* out, int stride, int divide)
{
    extern __shared__ double numbers[];
    numbers[threadIdx.x / divide * stride] = out[0];
    __syncthreads();
    out[threadIdx.x] = numbers[threadIdx.x];
}

KERNEL add_shared(int* out, int stride)
{
    __shared__ int sums[1024];
    sums[threadIdx.x] = 0;
    __syncthreads();
    atomicAdd(&sums[threadIdx.x * stride], 1);
    __syncthreads();
    out[threadIdx.x] = sums[threadIdx.x];
}

// --- control flow ----------------------------------------------------------------------------------------------------

KERNEL diverge(float* out, int lanes)
{
    float value = out[threadIdx.x];
    if (threadIdx.x % 32 < lanes) {
        value = sqrtf(value) + 1.0f;
        out[threadIdx.x + 256] = value;
    }
    out[threadIdx.x] = value;
}

KERNEL unequal_warps(float* out, const float* in, int most)
{
    __shared__ float kept[64];
    float sum = 0;
    const int rounds = threadIdx.x / 32 == 1 ? most : 1;
#pragma unroll 1
    for (int round = 0; round < rounds; ++round) {
        sum += in[round * 64 + threadIdx.x];
    }
    kept[threadIdx.x] = sum;
    __syncthreads();
    out[threadIdx.x] = kept[63 - threadIdx.x];
}

KERNEL chase(int* out, const int* first, const int* second, const int* third)
{
    out[threadIdx.x] = third[second[first[threadIdx.x]]];
}

KERNEL beside(int* out, const int* first, const int* second, const int* third)
{
    out[threadIdx.x] = first[threadIdx.x] + second[threadIdx.x] + third[threadIdx.x];
}

// --- atomics, local memory, tensor cores -----------------------------------------------------------------------------

KERNEL add_global(int* sums, int* old, int distance)
{
    atomicAdd(&sums[threadIdx.x * distance], 1);
    old[threadIdx.x] = atomicMax(&sums[threadIdx.x * distance], 7);
}

KERNEL index_local(float* out, const int* order, int n)
{
    float kept[16];
    for (int i = 0; i < n; ++i) {
        kept[order[i] & 15] = out[i];
    }
    out[threadIdx.x] = kept[order[0] & 15];
}

KERNEL multiply(float* out, const __half* a, const __half* b)
{
    using namespace nvcuda;
    wmma::fragment<wmma::matrix_a, 16, 16, 16, __half, wmma::row_major> left;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, __half, wmma::col_major> right;
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
    wmma::fill_fragment(sum, 0.0f);
    wmma::load_matrix_sync(left, a, 16);
    wmma::load_matrix_sync(right, b, 16);
    wmma::mma_sync(sum, left, right, sum);
    wmma::mma_sync(sum, left, right, sum);
    wmma::store_matrix_sync(out, sum, 16, wmma::mem_row_major);
}

// --- published examples ----------------------------------------------------------------------------------------------

// NVIDIA developer forum 169185: one row of a by one column of b, in three ways
template <typename Left, typename Right>
__device__ void dot(int* c, int n, Left left, Right right)
{
    const int row = threadIdx.y + blockIdx.y * blockDim.y, column = threadIdx.x + blockIdx.x * blockDim.x;
    int sum = 0;
    for (int k = 0; k < n; ++k) {
        sum += left(row, column, k) * right(row, column, k);
    }
    c[row * n + column] = sum;
}

KERNEL matmul_row_by_column(const int* a, const int* b, int* c, int n)
{
    dot(c, n, [=](int row, int, int k) { return a[row * n + k]; }, [=](int, int column, int k) { return b[k * n + column]; });
}

KERNEL matmul_row_by_row(const int* a, const int* b, int* c, int n)
{
    dot(c, n, [=](int row, int, int k) { return a[row * n + k]; }, [=](int row, int, int k) { return b[row * n + k]; });
}

KERNEL matmul_column_by_column(const int* a, const int* b, int* c, int n)
{
    dot(c, n, [=](int, int column, int k) { return a[k * n + column]; },
        [=](int, int column, int k) { return b[k * n + column]; });
}

// NVIDIA developer forum 217015: a transpose of doubles whose stores to shared memory conflict, its loads do not
KERNEL transpose_doubles(double* c, const double* a, int m)
{
    __shared__ double tile[32][32];
    const int tile_x = blockIdx.x * 32, tile_y = blockIdx.y * 32;
    tile[threadIdx.x][threadIdx.y] = a[(tile_y + threadIdx.y) * m + tile_x + threadIdx.x];
    __syncthreads();
    c[(tile_x + threadIdx.y) * m + tile_y + threadIdx.x] = tile[threadIdx.y][threadIdx.x];
}
