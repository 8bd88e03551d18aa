// nvcuda::wmma with bytes, signed and unsigned, saturating or not.
#include <mma.h>

using namespace nvcuda;

template <typename T, int M, int N> __device__ void product(int *d, const T *a, const T *b, const int *c) {
    wmma::fragment<wmma::matrix_a, M, N, 16, T, wmma::row_major> left;
    wmma::fragment<wmma::matrix_b, M, N, 16, T, wmma::col_major> right;
    wmma::fragment<wmma::accumulator, M, N, 16, int> sum;
    wmma::load_matrix_sync(left, a, 16);
    wmma::load_matrix_sync(right, b, 16);
    wmma::load_matrix_sync(sum, c, N, wmma::mem_row_major);
    wmma::mma_sync(sum, left, right, sum);
    wmma::store_matrix_sync(d, sum, N, wmma::mem_row_major);
}

extern "C" __global__ void signed_bytes(int *d, const signed char *a, const signed char *b, const int *c) { product<signed char, 16, 16>(d, a, b, c); }
extern "C" __global__ void unsigned_bytes(int *d, const unsigned char *a, const unsigned char *b, const int *c) { product<unsigned char, 32, 8>(d, a, b, c); }
