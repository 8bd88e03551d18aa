// One step of a decoder's self-attention: bias, append to the cache, attention over all positions so far.
//
// A block takes one head of one row, grid (rows * heads). In the cache a head's positions follow one another, so that
// the lanes of a warp read consecutive memory; what was written at earlier steps never moves. After a beam search has
// chosen other parents, `ancestors` says which row of the same batch wrote a position of this row's history.
#include "decoder_attention.cuh"

template <typename T>
struct History {
    const T* keys;          // of this head, in the first row of the batch
    const T* values;
    const int* ancestors;   // of this row; null: it is the only one of its batch
    long long row_stride;
    long long step_stride;

    __device__ __forceinline__ long long offset(int position) const
    {
        return (ancestors ? ancestors[position] * row_stride : 0) + position * step_stride;
    }
    __device__ __forceinline__ const T* key(int position) const { return keys + offset(position); }
    __device__ __forceinline__ const T* value(int position) const { return values + offset(position); }
};

// qkv [rows, 3, heads, size] + bias [3, heads, size] -> out [rows, heads, size]; keys and values [rows, heads, steps,
// size] in strides, of which the last position is written; ancestors [rows, ancestor_stride], or null.
template <typename T, int N, int Items, int Lanes>
__global__ void __launch_bounds__(most_warps * warp_size)
    decoder_self_attention(T* __restrict__ out, T* keys, T* values, const T* __restrict__ qkv,
                           const T* __restrict__ bias, const int* __restrict__ ancestors, long long row_stride,
                           long long head_stride, long long step_stride, long long ancestor_stride, int beams,
                           int heads, int size, int steps, float factor)
{
    const int row = blockIdx.x / heads;
    const int head = blockIdx.x % heads;
    const int hidden = heads * size;
    const T* own = qkv + 3ll * row * hidden + head * size;
    bias += head * size;

    Columns<N, Items> query[1] = {load_biased<Lanes, N, Items>(own, bias, size)};
    scale(query[0], factor);
    Softmax<N, Items> softmax[1];

    const long long batch = row / beams * beams * row_stride + head * head_stride;
    const long long own_row = row % beams * row_stride;
    if (threadIdx.x < warp_size) {
        const Columns<N, Items> key = load_biased<Lanes, N, Items>(own + hidden, bias + hidden, size);
        const Columns<N, Items> value = load_biased<Lanes, N, Items>(own + 2 * hidden, bias + 2 * hidden, size);
        const float score = dot<Lanes>(query[0], key);
        if (threadIdx.x < Lanes) {
            const long long last = batch + own_row + (steps - 1) * step_stride;
            store_columns<Lanes>(keys + last, key, size);
            store_columns<Lanes>(values + last, value, size);
            softmax[0].add(score, value);
        }
    }
    const History<T> history = {
        keys + batch, values + batch, ancestors ? ancestors + row * ancestor_stride : nullptr, row_stride, step_stride};
    attend<Lanes>(softmax, query, history, steps - 1, size);
    store_context<Lanes>(out + static_cast<long long>(blockIdx.x) * size, 0, softmax, 1, size);
}
