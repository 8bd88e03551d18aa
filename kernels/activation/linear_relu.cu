// out[row] = ReLU(weight[row] . x + bias[row]); weight is [rows, cols], x is [cols].
//
// Lanes of a warp share a row, and read consecutive vectors of it; x, which all rows read, stays in the cache.
// Block (lanes, n), whole warps in all; the last one's spare lanes take part in the sums.
#include "../cuda/reduce.cuh"
#include "../cuda/vector.cuh"

template <typename T, int N, int Lanes>
__global__ void __launch_bounds__(128)
    matrix_vector_relu(T* __restrict__ out, const T* __restrict__ x, const T* __restrict__ weight,
        const T* __restrict__ bias, int rows, int cols)
{
    const long long row = LanesPerRow<Lanes>::row();
    float sum = 0.0f;
    if (row < rows) {
        for (int col = threadIdx.x * N; col < cols; col += Lanes * N) {
            const Vector<float, N> factor = load_float<N>(weight + row * cols + col);
            const Vector<float, N> value = load_float<N>(x + col);
#pragma unroll
            for (int i = 0; i < N; ++i) {
                sum += factor.at[i] * value.at[i];
            }
        }
    }
    sum = warp_reduce<Sum, Lanes>(sum);
    if (threadIdx.x == 0 && row < rows) {
        sum += load_float<1>(bias + row).at[0];
        store_float<1>(out + row, {sum < 0.0f ? 0.0f : sum});  // not fmaxf, which turns NaN into 0
    }
}
