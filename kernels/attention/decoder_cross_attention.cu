// One step of a decoder's attention to the encoder's output: bias of the queries, then attention over its length.
//
// A block takes one head of up to `Queries` rows of a batch, which share the memory: its keys and values are read once
// for all of them. Grid (batch * row groups * heads).
#include "decoder_attention.cuh"

template <typename T>
struct Memory {
    const T* keys;  // of this head and batch
    const T* values;
    long long stride;

    __device__ __forceinline__ const T* key(int position) const { return keys + position * stride; }
    __device__ __forceinline__ const T* value(int position) const { return values + position * stride; }
};

// query [batch, beams, heads, size] + bias [heads, size] -> out of the same shape; keys and values [batch, positions,
// heads, size] in strides, lengths [batch]. A batch of length 0 has no distribution over positions: its rows are NaN.
// One block an SM is enough: without that bound ptxas keeps to 64 registers, and spills.
template <typename T, int N, int Items, int Lanes, int Queries>
__global__ void __launch_bounds__(most_warps * warp_size, 1)
    decoder_cross_attention(T* __restrict__ out, const T* __restrict__ query, const T* __restrict__ bias,
                            const T* __restrict__ keys, const T* __restrict__ values, const int* __restrict__ lengths,
                            long long batch_stride, long long position_stride, long long head_stride, int beams,
                            int heads, int size, int positions, float factor)
{
    const int groups = (beams + Queries - 1) / Queries;
    const int head = blockIdx.x % heads;
    const int group = blockIdx.x / heads % groups;
    const int batch = blockIdx.x / heads / groups;
    const int here = min(Queries, beams - group * Queries);
    const long long stride = heads * size;
    const long long first = (static_cast<long long>(batch) * beams + group * Queries) * stride + head * size;

    Columns<N, Items> biased[Queries] = {};
    Softmax<N, Items> softmax[Queries];
#pragma unroll
    for (int q = 0; q < Queries; ++q) {
        if (q < here) {
            biased[q] = load_biased<Lanes, N, Items>(query + first + q * stride, bias + head * size, size);
            scale(biased[q], factor);
        }
    }
    const long long at = batch * batch_stride + head * head_stride;
    const Memory<T> memory = {keys + at, values + at, position_stride};
    attend<Lanes>(softmax, biased, memory, min(lengths[batch], positions), size);
    store_context<Lanes>(out + first, stride, softmax, here, size);
}
