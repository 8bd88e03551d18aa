// out = GELU(x + bias), tanh form; x and out are [rows, cols], bias is [cols].
//
// A thread keeps its N columns, so it loads the bias once, and walks down the rows: no division by cols anywhere.
// Block (columns / N, rows), grid (column tiles, row tiles); the loop strides by the grid.
#include "../cuda/vector.cuh"

// 0.5 v (1 + tanh u) = v / (1 + exp(-2u)): one exponential, and no cancellation where tanh u is close to -1.
// The divisor is at least 1; __fdividef is within 2 ulp of the quotient, and 0 beyond 2^126, where GELU underflows.
__device__ __forceinline__ float gelu(float v)
{
    constexpr float sqrt_2_over_pi = 0.7978845608028654f;
    const float u = sqrt_2_over_pi * (v + 0.044715f * v * v * v);
    return __fdividef(v, 1.0f + expf(-2.0f * u));
}

template <typename T, int N>
__global__ void __launch_bounds__(256)
    bias_gelu(T* __restrict__ out, const T* __restrict__ x, const T* __restrict__ bias, int rows, int cols)
{
    const int col = (blockIdx.x * blockDim.x + threadIdx.x) * N;
    if (col >= cols) {
        return;
    }
    const Vector<float, N> shift = load_float<N>(bias + col);
    const long long stride = static_cast<long long>(gridDim.y) * blockDim.y;
    for (long long row = static_cast<long long>(blockIdx.y) * blockDim.y + threadIdx.y; row < rows; row += stride) {
        const long long at = row * cols + col;
        Vector<float, N> value = load_float<N>(x + at);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            value.at[i] = gelu(value.at[i] + shift.at[i]);
        }
        store_float(out + at, value);
    }
}
