// out = ReLU(x + bias); x and out are [rows, cols], bias is [cols]. As in bias_gelu.cu a thread keeps its N columns and
// walks down the rows. Block (columns / N, rows), grid (column tiles, row tiles).
#include "../cuda/vector.cuh"

template <typename T, int N>
__global__ void __launch_bounds__(256)
    bias_relu(T* __restrict__ out, const T* __restrict__ x, const T* __restrict__ bias, int rows, int cols)
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
            const float sum = value.at[i] + shift.at[i];
            value.at[i] = sum < 0.0f ? 0.0f : sum;  // not fmaxf, which turns NaN into 0
        }
        store_float(out + at, value);
    }
}
