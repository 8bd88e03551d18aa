// N scalars that travel as one memory access of up to 16 bytes, and the arithmetic that stays in FP32.
// The caller answers for alignment: a pointer given to load<N> or store is aligned to N scalars.
#pragma once

#include <cuda_fp16.h>

template <typename T, int N>
struct Vector {
    T at[N];
};

// The machine word that carries a vector. Named, so that every width is one load, whatever T is.
template <int Bytes> struct Word;
template <> struct Word<1> { using type = unsigned char; };
template <> struct Word<2> { using type = unsigned short; };
template <> struct Word<4> { using type = unsigned int; };
template <> struct Word<8> { using type = uint2; };
template <> struct Word<16> { using type = uint4; };

template <int N, typename T>
__device__ __forceinline__ Vector<T, N> load(const T* from)
{
    using Carrier = typename Word<N * sizeof(T)>::type;
    const Carrier word = *reinterpret_cast<const Carrier*>(from);
    Vector<T, N> vector;
    memcpy(&vector, &word, sizeof(word));
    return vector;
}

template <int N, typename T>
__device__ __forceinline__ void store(T* to, const Vector<T, N>& vector)
{
    using Carrier = typename Word<N * sizeof(T)>::type;
    Carrier word;
    memcpy(&word, &vector, sizeof(word));
    *reinterpret_cast<Carrier*>(to) = word;
}

template <int N>
__device__ __forceinline__ Vector<float, N> to_float(const Vector<float, N>& vector)
{
    return vector;
}

template <int N>
__device__ __forceinline__ Vector<float, N> to_float(const Vector<__half, N>& vector)
{
    Vector<float, N> result;
    if constexpr (N == 1) {
        result.at[0] = __half2float(vector.at[0]);
    } else {
#pragma unroll
        for (int i = 0; i < N; i += 2) {
            const float2 pair = __half22float2(__halves2half2(vector.at[i], vector.at[i + 1]));
            result.at[i] = pair.x;
            result.at[i + 1] = pair.y;
        }
    }
    return result;
}

template <int N, typename T>
__device__ __forceinline__ Vector<float, N> load_float(const T* from)
{
    return to_float(load<N>(from));
}

template <int N>
__device__ __forceinline__ void store_float(float* to, const Vector<float, N>& vector)
{
    store(to, vector);
}

template <int N>
__device__ __forceinline__ void store_float(__half* to, const Vector<float, N>& vector)
{
    Vector<__half, N> rounded;
    if constexpr (N == 1) {
        rounded.at[0] = __float2half_rn(vector.at[0]);
    } else {
#pragma unroll
        for (int i = 0; i < N; i += 2) {
            const __half2 pair = __floats2half2_rn(vector.at[i], vector.at[i + 1]);
            rounded.at[i] = __low2half(pair);
            rounded.at[i + 1] = __high2half(pair);
        }
    }
    store(to, rounded);
}

// One addition rounds once, in half2 as in FP32 followed by a conversion: the same bits for half the instructions.
template <int N>
__device__ __forceinline__ Vector<__half, N> add(const Vector<__half, N>& a, const Vector<__half, N>& b)
{
    Vector<__half, N> sum;
    if constexpr (N == 1) {
        sum.at[0] = __hadd(a.at[0], b.at[0]);
    } else {
#pragma unroll
        for (int i = 0; i < N; i += 2) {
            const __half2 pair =
                __hadd2(__halves2half2(a.at[i], a.at[i + 1]), __halves2half2(b.at[i], b.at[i + 1]));
            sum.at[i] = __low2half(pair);
            sum.at[i + 1] = __high2half(pair);
        }
    }
    return sum;
}

template <int N>
__device__ __forceinline__ Vector<float, N> add(const Vector<float, N>& a, const Vector<float, N>& b)
{
    Vector<float, N> sum;
#pragma unroll
    for (int i = 0; i < N; ++i) {
        sum.at[i] = a.at[i] + b.at[i];
    }
    return sum;
}
