// N scalars that travel as one memory access of up to 16 bytes, and the arithmetic that stays in FP32.
// The caller answers for alignment: a pointer given to load<N> or store is aligned to N scalars.
#pragma once

#include <cuda_bf16.h>
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

// The two types of 16 bits, and what CUDA calls the same operation on each.
template <typename T> struct Short;

template <> struct Short<__half> {
    using Pair = __half2;
    static __device__ __forceinline__ float widen(__half value) { return __half2float(value); }
    static __device__ __forceinline__ float2 widen(Pair pair) { return __half22float2(pair); }
    static __device__ __forceinline__ __half narrow(float value) { return __float2half_rn(value); }
    static __device__ __forceinline__ Pair narrow(float a, float b) { return __floats2half2_rn(a, b); }
    static __device__ __forceinline__ Pair pair(__half a, __half b) { return __halves2half2(a, b); }
    static __device__ __forceinline__ __half low(Pair pair) { return __low2half(pair); }
    static __device__ __forceinline__ __half high(Pair pair) { return __high2half(pair); }
};

template <> struct Short<__nv_bfloat16> {
    using Pair = __nv_bfloat162;
    static __device__ __forceinline__ float widen(__nv_bfloat16 value) { return __bfloat162float(value); }
    static __device__ __forceinline__ float2 widen(Pair pair) { return __bfloat1622float2(pair); }
    static __device__ __forceinline__ __nv_bfloat16 narrow(float value) { return __float2bfloat16_rn(value); }
    static __device__ __forceinline__ Pair narrow(float a, float b) { return __floats2bfloat162_rn(a, b); }
    static __device__ __forceinline__ Pair pair(__nv_bfloat16 a, __nv_bfloat16 b) { return __halves2bfloat162(a, b); }
    static __device__ __forceinline__ __nv_bfloat16 low(Pair pair) { return __low2bfloat16(pair); }
    static __device__ __forceinline__ __nv_bfloat16 high(Pair pair) { return __high2bfloat16(pair); }
};

template <int N>
__device__ __forceinline__ Vector<float, N> to_float(const Vector<float, N>& vector)
{
    return vector;
}

template <int N, typename T>
__device__ __forceinline__ Vector<float, N> to_float(const Vector<T, N>& vector)
{
    Vector<float, N> result;
    if constexpr (N == 1) {
        result.at[0] = Short<T>::widen(vector.at[0]);
    } else {
#pragma unroll
        for (int i = 0; i < N; i += 2) {
            const float2 pair = Short<T>::widen(Short<T>::pair(vector.at[i], vector.at[i + 1]));
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

template <int N, typename T>
__device__ __forceinline__ void store_float(T* to, const Vector<float, N>& vector)
{
    Vector<T, N> rounded;
    if constexpr (N == 1) {
        rounded.at[0] = Short<T>::narrow(vector.at[0]);
    } else {
#pragma unroll
        for (int i = 0; i < N; i += 2) {
            const auto pair = Short<T>::narrow(vector.at[i], vector.at[i + 1]);
            rounded.at[i] = Short<T>::low(pair);
            rounded.at[i + 1] = Short<T>::high(pair);
        }
    }
    store(to, rounded);
}

// One addition rounds once, in pairs as in FP32 followed by a conversion: the same bits for half the instructions.
template <int N, typename T>
__device__ __forceinline__ Vector<T, N> add(const Vector<T, N>& a, const Vector<T, N>& b)
{
    Vector<T, N> sum;
    if constexpr (N == 1) {
        sum.at[0] = __hadd(a.at[0], b.at[0]);
    } else {
#pragma unroll
        for (int i = 0; i < N; i += 2) {
            const auto pair =
                __hadd2(Short<T>::pair(a.at[i], a.at[i + 1]), Short<T>::pair(b.at[i], b.at[i + 1]));
            sum.at[i] = Short<T>::low(pair);
            sum.at[i + 1] = Short<T>::high(pair);
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
