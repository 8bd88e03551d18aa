// hidden = table[token] * scale + position, and its LayerNorm for the first layer: [rows, cols], one block a row.
//
// The row stays in registers between the reductions, as in bias_residual_layer_norm.cu; the norm is of the numbers before
// they are rounded to the output. Grid (rows).
#include "../cuda/reduce.cuh"
#include "../cuda/vector.cuh"

template <typename T, int N>
__device__ __forceinline__ Vector<float, N> embedded(const T* word, const T* position, float scale)
{
    Vector<float, N> value = load_float<N>(word);
    const Vector<float, N> shift = load_float<N>(position);
#pragma unroll
    for (int i = 0; i < N; ++i) {
        value.at[i] = value.at[i] * scale + shift.at[i];
    }
    return value;
}

// A row of up to blockDim.x * Items * N columns.
template <typename T, int N, int Items>
__global__ void __launch_bounds__(1024)
    embed(T* __restrict__ hidden, T* __restrict__ normed, const long long* __restrict__ tokens,
          const T* __restrict__ table, const T* __restrict__ position, const T* __restrict__ weight,
          const T* __restrict__ shift, int cols, float scale, float epsilon)
{
    __shared__ float partials[2][max_warps];
    const long long row = static_cast<long long>(blockIdx.x) * cols;
    const T* word = table + tokens[blockIdx.x] * cols;
    Vector<float, N> held[Items];

    float total = 0.0f;
#pragma unroll
    for (int item = 0; item < Items; ++item) {
        const int col = (item * blockDim.x + threadIdx.x) * N;
        if (col < cols) {
            held[item] = embedded<T, N>(word + col, position + col, scale);
            store_float(hidden + row + col, held[item]);
#pragma unroll
            for (int i = 0; i < N; ++i) {
                total += held[item].at[i];
            }
        }
    }
    const float mean = BlockPerRow::reduce<Sum>(total, partials[0]) / cols;

    float squares = 0.0f;
#pragma unroll
    for (int item = 0; item < Items; ++item) {
        if ((item * blockDim.x + threadIdx.x) * N < cols) {
#pragma unroll
            for (int i = 0; i < N; ++i) {
                const float deviation = held[item].at[i] - mean;
                squares += deviation * deviation;
            }
        }
    }
    const float steepness = rsqrtf(BlockPerRow::reduce<Sum>(squares, partials[1]) / cols + epsilon);

#pragma unroll
    for (int item = 0; item < Items; ++item) {
        const int col = (item * blockDim.x + threadIdx.x) * N;
        if (col < cols) {
            const Vector<float, N> gain = load_float<N>(weight + col);
            const Vector<float, N> offset = load_float<N>(shift + col);
#pragma unroll
            for (int i = 0; i < N; ++i) {
                held[item].at[i] = (held[item].at[i] - mean) * steepness * gain.at[i] + offset.at[i];
            }
            store_float(normed + row + col, held[item]);
        }
    }
}
