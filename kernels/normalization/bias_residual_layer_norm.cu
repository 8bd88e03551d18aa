// out = LayerNorm(x + bias + residual) * weight + shift; x, residual and out are [rows, cols], the others [cols].
//
// One block a row, grid (rows). The row stays in registers between the reductions, so memory is passed over once, and
// the variance is the mean of squared deviations (two passes over the registers): no E[v^2] - E[v]^2 cancellation.
#include "../cuda/reduce.cuh"
#include "../cuda/vector.cuh"

template <typename T, int N>
__device__ __forceinline__ Vector<float, N> load_sum(const T* x, const T* residual, const T* bias)
{
    Vector<float, N> sum = load_float<N>(x);
    const Vector<float, N> added = load_float<N>(bias);
    const Vector<float, N> skipped = load_float<N>(residual);
#pragma unroll
    for (int i = 0; i < N; ++i) {
        sum.at[i] += added.at[i] + skipped.at[i];
    }
    return sum;
}

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

// A row of up to blockDim.x * Items * N columns; N * Items <= 32, so that 1024 threads have registers enough.
template <typename T, int N, int Items>
__global__ void __launch_bounds__(1024)
    bias_residual_layer_norm(T* __restrict__ out, const T* __restrict__ x, const T* __restrict__ bias,
                             const T* __restrict__ residual, const T* __restrict__ weight,
                             const T* __restrict__ shift, int cols, float epsilon)
{
    __shared__ float partials[2][max_warps];
    const long long row = static_cast<long long>(blockIdx.x) * cols;
    Vector<float, N> held[Items];

    float total = 0.0f;
#pragma unroll
    for (int item = 0; item < Items; ++item) {
        const int col = (item * blockDim.x + threadIdx.x) * N;
        if (col < cols) {
            held[item] = load_sum<T, N>(x + row + col, residual + row + col, bias + col);
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
template <typename T, int N>
__global__ void __launch_bounds__(1024)
    bias_residual_layer_norm_long(T* __restrict__ out, const T* __restrict__ x, const T* __restrict__ bias,
                                  const T* __restrict__ residual, const T* __restrict__ weight,
                                  const T* __restrict__ shift, int cols, float epsilon)
{
    __shared__ float partials[2][max_warps];
    const long long row = static_cast<long long>(blockIdx.x) * cols;
    const int first = threadIdx.x * N;
    const int stride = blockDim.x * N;

    float total = 0.0f;
    for (int col = first; col < cols; col += stride) {
        const Vector<float, N> value = load_sum<T, N>(x + row + col, residual + row + col, bias + col);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            total += value.at[i];
        }
    }
    const float mean = BlockPerRow::reduce<Sum>(total, partials[0]) / cols;

    float squares = 0.0f;
    for (int col = first; col < cols; col += stride) {
        const Vector<float, N> value = load_sum<T, N>(x + row + col, residual + row + col, bias + col);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            const float deviation = value.at[i] - mean;
            squares += deviation * deviation;
        }
    }
    const float scale = rsqrtf(BlockPerRow::reduce<Sum>(squares, partials[1]) / cols + epsilon);

    for (int col = first; col < cols; col += stride) {
        const Vector<float, N> value = load_sum<T, N>(x + row + col, residual + row + col, bias + col);
        store_normalized<T, N>(out + row + col, value, weight + col, shift + col, mean, scale);
    }
}
