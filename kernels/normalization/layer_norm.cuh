// LayerNorm of rows that a source makes: (value - mean) * scale * weight + shift, scale = 1 / sqrt(variance + epsilon).
//
// One block a row. The variance is the mean of squared deviations (a second pass over the row, not over its squares):
// no E[v^2] - E[v]^2 cancellation. A source has load(at, col), the N values at offset `at` of the tensors and column
// `col` of the vectors, and keep(at, values), called once for each of them.
#pragma once

#include "../cuda/reduce.cuh"
#include "../cuda/vector.cuh"

template <typename T, int N>
__device__ __forceinline__ void store_normalized(
    T* out, Vector<float, N> value, const T* weight, const T* shift, float mean, float scale)
{
    const Vector<float, N> gain = load_float<N>(weight);
    const Vector<float, N> offset = load_float<N>(shift);
#pragma unroll
    for (int i = 0; i < N; ++i) {
        value.at[i] = (value.at[i] - mean) * scale * gain.at[i] + offset.at[i];
    }
    store_float(out, value);
}

// A row of up to blockDim.x * Items * N columns stays in registers between the reductions, so memory is passed over
// once. N * Items <= 32, so that 1024 threads have registers enough.
template <int N, int Items, typename T, typename Source>
__device__ __forceinline__ void normalize_held_row(
    T* out, const Source& source, const T* weight, const T* shift, int cols, float epsilon)
{
    __shared__ float partials[2][max_warps];
    const long long row = static_cast<long long>(blockIdx.x) * cols;
    Vector<float, N> held[Items];

    float total = 0.0f;
#pragma unroll
    for (int item = 0; item < Items; ++item) {
        const int col = (item * blockDim.x + threadIdx.x) * N;
        if (col < cols) {
            held[item] = source.load(row + col, col);
            source.keep(row + col, held[item]);
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
    const float scale = rsqrtf(BlockPerRow::reduce<Sum>(squares, partials[1]) / cols + epsilon);

#pragma unroll
    for (int item = 0; item < Items; ++item) {
        const int col = (item * blockDim.x + threadIdx.x) * N;
        if (col < cols) {
            store_normalized<T, N>(out + row + col, held[item], weight + col, shift + col, mean, scale);
        }
    }
}

// A row that does not fit into the registers of a block: the same arithmetic, reading the row again in each pass.
template <int N, typename T, typename Source>
__device__ __forceinline__ void normalize_long_row(
    T* out, const Source& source, const T* weight, const T* shift, int cols, float epsilon)
{
    __shared__ float partials[2][max_warps];
    const long long row = static_cast<long long>(blockIdx.x) * cols;
    const int first = threadIdx.x * N;
    const int stride = blockDim.x * N;

    float total = 0.0f;
    for (int col = first; col < cols; col += stride) {
        const Vector<float, N> value = source.load(row + col, col);
        source.keep(row + col, value);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            total += value.at[i];
        }
    }
    const float mean = BlockPerRow::reduce<Sum>(total, partials[0]) / cols;

    float squares = 0.0f;
    for (int col = first; col < cols; col += stride) {
        const Vector<float, N> value = source.load(row + col, col);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            const float deviation = value.at[i] - mean;
            squares += deviation * deviation;
        }
    }
    const float scale = rsqrtf(BlockPerRow::reduce<Sum>(squares, partials[1]) / cols + epsilon);

    for (int col = first; col < cols; col += stride) {
        const Vector<float, N> value = source.load(row + col, col);
        store_normalized<T, N>(out + row + col, value, weight + col, shift + col, mean, scale);
    }
}
