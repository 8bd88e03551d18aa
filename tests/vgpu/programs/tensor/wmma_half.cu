// nvcuda::wmma with half: all shapes and layouts, accumulators of half and float, element-wise work on fragments.
#include <cuda_fp16.h>
#include <cuda/std/type_traits>
#include <mma.h>

using namespace nvcuda;

template <int M, int N, int K, bool RowA, bool RowB, typename Sum>
__global__ void product(Sum *d, const __half *a, const __half *b, const Sum *c) {
    using LayoutA = cuda::std::conditional_t<RowA, wmma::row_major, wmma::col_major>;
    using LayoutB = cuda::std::conditional_t<RowB, wmma::row_major, wmma::col_major>;
    wmma::fragment<wmma::matrix_a, M, N, K, __half, LayoutA> left;
    wmma::fragment<wmma::matrix_b, M, N, K, __half, LayoutB> right;
    wmma::fragment<wmma::accumulator, M, N, K, Sum> sum;
    wmma::load_matrix_sync(left, a, RowA ? K : M);
    wmma::load_matrix_sync(right, b, RowB ? N : K);
    wmma::load_matrix_sync(sum, c, N, wmma::mem_row_major);
    wmma::mma_sync(sum, left, right, sum);
    for (int i = 0; i < sum.num_elements; i++) sum.x[i] = sum.x[i] * Sum(2);
    wmma::store_matrix_sync(d, sum, N, wmma::mem_row_major);
}

constexpr bool row = true, col = false;
template __global__ void product<16, 16, 16, row, row, float>(float *, const __half *, const __half *, const float *);
template __global__ void product<16, 16, 16, row, col, float>(float *, const __half *, const __half *, const float *);
template __global__ void product<16, 16, 16, col, row, __half>(__half *, const __half *, const __half *, const __half *);
template __global__ void product<32, 8, 16, row, row, float>(float *, const __half *, const __half *, const float *);
template __global__ void product<8, 32, 16, col, col, __half>(__half *, const __half *, const __half *, const __half *);

// A larger product through shared memory: four warps, each 32 by 32 of a 64 by 64 tile.
extern "C" __global__ void hgemm(float *c, const __half *a, const __half *b, int n, int k) {
    __shared__ __align__(32) __half left[64][16 + 8], right[16][64 + 8];
    int warp = threadIdx.x / 32, top = warp / 2 * 32, side = warp % 2 * 32;
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> sums[2][2];
    for (auto &line : sums)
        for (auto &sum : line) wmma::fill_fragment(sum, 0.0f);
    for (int at = 0; at < k; at += 16) {
        for (int i = threadIdx.x; i < 64 * 16; i += 128) {
            left[i / 16][i % 16] = a[(blockIdx.y * 64 + i / 16) * k + at + i % 16];
            right[i / 64][i % 64] = b[(at + i / 64) * n + blockIdx.x * 64 + i % 64];
        }
        __syncthreads();
        for (int r = 0; r < 2; r++)
            for (int s = 0; s < 2; s++) {
                wmma::fragment<wmma::matrix_a, 16, 16, 16, __half, wmma::row_major> x;
                wmma::fragment<wmma::matrix_b, 16, 16, 16, __half, wmma::row_major> y;
                wmma::load_matrix_sync(x, &left[top + r * 16][0], 24);
                wmma::load_matrix_sync(y, &right[0][side + s * 16], 72);
                wmma::mma_sync(sums[r][s], x, y, sums[r][s]);
            }
        __syncthreads();
    }
    for (int r = 0; r < 2; r++)
        for (int s = 0; s < 2; s++)
            wmma::store_matrix_sync(&c[(blockIdx.y * 64 + top + r * 16) * n + blockIdx.x * 64 + side + s * 16], sums[r][s], n, wmma::mem_row_major);
}
