// out = LayerNorm(x + bias + residual) * weight + shift; x, residual and out are [rows, cols], the others [cols].
// Where Kept, the sum is a second output: a pre-norm layer adds to it again. Grid (rows).
#include "layer_norm.cuh"

template <typename T, int N, bool Kept>
struct BiasedSum {
    const T* __restrict__ x;
    const T* __restrict__ bias;
    const T* __restrict__ residual;
    T* __restrict__ kept;

    __device__ __forceinline__ Vector<float, N> load(long long at, int col) const
    {
        Vector<float, N> sum = load_float<N>(x + at);
        const Vector<float, N> added = load_float<N>(bias + col);
        const Vector<float, N> skipped = load_float<N>(residual + at);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            sum.at[i] += added.at[i] + skipped.at[i];
        }
        return sum;
    }

    __device__ __forceinline__ void keep(long long at, const Vector<float, N>& sum) const
    {
        if constexpr (Kept) {
            store_float(kept + at, sum);
        }
    }
};

template <typename T, int N, int Items, bool Kept>
__global__ void __launch_bounds__(1024)
    bias_residual_layer_norm(T* __restrict__ out, T* __restrict__ kept, const T* __restrict__ x,
                             const T* __restrict__ bias, const T* __restrict__ residual,
                             const T* __restrict__ weight, const T* __restrict__ shift, int cols, float epsilon)
{
    normalize_held_row<N, Items>(out, BiasedSum<T, N, Kept>{x, bias, residual, kept}, weight, shift, cols, epsilon);
}

template <typename T, int N, bool Kept>
__global__ void __launch_bounds__(1024)
    bias_residual_layer_norm_long(T* __restrict__ out, T* __restrict__ kept, const T* __restrict__ x,
                                  const T* __restrict__ bias, const T* __restrict__ residual,
                                  const T* __restrict__ weight, const T* __restrict__ shift, int cols, float epsilon)
{
    normalize_long_row<N>(out, BiasedSum<T, N, Kept>{x, bias, residual, kept}, weight, shift, cols, epsilon);
}
