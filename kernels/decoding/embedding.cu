// hidden = table[token] * scale + position, and its LayerNorm for the first layer: [rows, cols]. Grid (rows).
//
// A source of the norm of rows, which is of the numbers before they are rounded to the output.
#include "../normalization/layer_norm.cuh"

template <typename T, int N>
struct Embedded {
    const T* __restrict__ word;
    const T* __restrict__ position;
    T* __restrict__ hidden;
    float scale;

    __device__ __forceinline__ Vector<float, N> load(long long, int col) const
    {
        Vector<float, N> value = load_float<N>(word + col);
        const Vector<float, N> shift = load_float<N>(position + col);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            value.at[i] = value.at[i] * scale + shift.at[i];
        }
        return value;
    }

    __device__ __forceinline__ void keep(long long at, const Vector<float, N>& value) const
    {
        store_float(hidden + at, value);
    }
};

// A row of up to blockDim.x * Items * N columns.
template <typename T, int N, int Items>
__global__ void __launch_bounds__(1024)
    embed(T* __restrict__ hidden, T* __restrict__ normed, const long long* __restrict__ tokens,
          const T* __restrict__ table, const T* __restrict__ position, const T* __restrict__ weight,
          const T* __restrict__ shift, int cols, float scale, float epsilon)
{
    const T* word = table + tokens[blockIdx.x] * cols;
    normalize_held_row<N, Items>(normed, Embedded<T, N>{word, position, hidden, scale}, weight, shift, cols, epsilon);
}
