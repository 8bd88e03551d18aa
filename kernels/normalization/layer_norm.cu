// out = LayerNorm(x) * weight + shift; x and out are [rows, cols], weight and shift [cols]. Grid (rows).
#include "layer_norm.cuh"

template <typename T, int N>
struct Rows {
    const T* __restrict__ x;

    __device__ __forceinline__ Vector<float, N> load(long long at, int) const { return load_float<N>(x + at); }
    __device__ __forceinline__ void keep(long long, const Vector<float, N>&) const {}
};

template <typename T, int N, int Items>
__global__ void __launch_bounds__(1024)
    layer_norm(T* __restrict__ out, const T* __restrict__ x, const T* __restrict__ weight,
               const T* __restrict__ shift, int cols, float epsilon)
{
    normalize_held_row<N, Items>(out, Rows<T, N>{x}, weight, shift, cols, epsilon);
}

template <typename T, int N>
__global__ void __launch_bounds__(1024)
    layer_norm_long(T* __restrict__ out, const T* __restrict__ x, const T* __restrict__ weight,
                    const T* __restrict__ shift, int cols, float epsilon)
{
    normalize_long_row<N>(out, Rows<T, N>{x}, weight, shift, cols, epsilon);
}
