// What the two fused attention kernels share: which rows a block works on, which keys are hidden from which query, and
// tiles of the joint projection, loaded with their bias.
//
// qkv is [tokens, 3 * hidden]: of each token the query, the key and the value of every head side by side, as one GEMM
// makes them. A block takes some queries of one head of one sequence and walks over that sequence's keys in tiles,
// keeping for each query the largest score so far, the sum of exponentials relative to it, and the weighted sum of
// values, which is rescaled as the maximum grows (Milakov and Gimelshein 2018): no matrix of scores in memory.
#pragma once

#include <type_traits>

#include "../cuda/reduce.cuh"
#include "../cuda/vector.cuh"

__device__ __forceinline__ float minus_infinity() { return Max::identity(); }

// Sequences of equal length, or, where there are offsets, packed one behind the other: sequence i is rows offsets[i] to
// offsets[i + 1]. `masked` holds flags [batch or 1, queries or 1, keys] behind two strides (0: broadcast), or is null.
struct Sequences {
    const int* __restrict__ offsets;
    int length;
    int heads;
    const unsigned char* __restrict__ masked;
    long long batch_stride;
    long long query_stride;
};

// The queries of one block; blocks are numbered by sequence, then head, then tile of queries.
struct Work {
    long long token;  // the first of the sequence
    int length;
    int head;
    int query;  // the first of the block
    const unsigned char* masked;  // of the sequence

    __device__ __forceinline__ Work(const Sequences& sequences, int queries_per_block)
    {
        const unsigned tiles = (sequences.length + queries_per_block - 1) / queries_per_block;
        const unsigned matrix = blockIdx.x / tiles;
        const unsigned sequence = matrix / sequences.heads;
        query = blockIdx.x % tiles * queries_per_block;
        head = matrix % sequences.heads;
        if (sequences.offsets) {
            token = sequences.offsets[sequence];
            length = sequences.offsets[sequence + 1] - sequences.offsets[sequence];
        } else {
            token = static_cast<long long>(sequence) * sequences.length;
            length = sequences.length;
        }
        masked = sequences.masked ? sequences.masked + sequence * sequences.batch_stride : nullptr;
    }
};

// Bit i: key `first + i` is masked for this query, or lies behind the last one. All lanes of the warp ask for one query.
__device__ __forceinline__ unsigned hidden_keys(const unsigned char* masked, int first, int keys)
{
    const int key = first + static_cast<int>(threadIdx.x % warp_size);
    return __ballot_sync(all_lanes, key >= keys || (masked && masked[key]));
}

// The hidden keys of the lane's own queries among a warp's sixteen: own(i) says which the lane's i-th one is.
// Where all queries share their flags, one request answers for all of them.
template <int Words, int Own, typename Owner>
__device__ __forceinline__ void load_hidden(
    unsigned (&hidden)[Own][Words], const Work& work, long long query_stride, int query, int key, Owner own)
{
#pragma unroll
    for (int word = 0; word < Words; ++word) {
        const int first = key + word * warp_size;
        if (query_stride == 0) {
            const unsigned bits = hidden_keys(work.masked, first, work.length);
#pragma unroll
            for (int i = 0; i < Own; ++i) {
                hidden[i][word] = bits;
            }
        } else {
#pragma unroll 4
            for (int row = 0; row < 16; ++row) {
                // A query behind the last one has no flags; nothing of it is stored.
                const int flags = min(query + row, work.length - 1);
                const unsigned bits = hidden_keys(work.masked + flags * query_stride, first, work.length);
#pragma unroll
                for (int i = 0; i < Own; ++i) {
                    hidden[i][word] = own(i) == row ? bits : hidden[i][word];
                }
            }
        }
    }
}

// The factor of what was summed up under the old maximum, and the origin from which exponents are now measured: 0 while
// nothing but -inf (or NaN) was seen, so that masked scores are e^-inf and not e^NaN.
struct Rescaling {
    float origin;
    float factor;

    __device__ __forceinline__ Rescaling(float before, float now)
        : origin(now == minus_infinity() ? 0.0f : now), factor(expf(before - origin))
    {
    }
};

template <typename Sum, typename T, int N>
__device__ __forceinline__ Vector<Sum, N> as(const Vector<T, N>& vector)
{
    if constexpr (std::is_same_v<Sum, T>) {
        return vector;
    } else {
        return to_float(vector);
    }
}

// Rows `row`, `row + rows`, … of one of the three parts of qkv for one head, N scalars a thread and always in the same
// columns, so that the bias is loaded once. Rows behind the sequence are zeros: a weight of 0 times anything else that
// shared memory holds could be NaN. `put(row, column, values)` writes them, as Sum: T, where the sum is rounded as
// PyTorch rounds it, or float.
template <typename T, typename Sum, int N, int Size, int Threads, int Rows>
struct Loader {
    static constexpr int vectors = Size / N;
    static_assert(Threads % vectors == 0 && Rows % (Threads / vectors) == 0, "every thread keeps its columns");

    const T* from;
    Vector<Sum, N> bias;
    long long stride;
    int row;
    int column;

    __device__ __forceinline__ Loader(const T* qkv, const T* biases, const Work& work, int heads, int part)
        : stride(3ll * heads * Size), row(threadIdx.x / vectors), column(threadIdx.x % vectors * N)
    {
        const int first = (part * heads + work.head) * Size + column;
        from = qkv + work.token * stride + first;
        bias = as<Sum>(load<N>(biases + first));
    }

    template <typename Put>
    __device__ __forceinline__ void tile(int first, int length, Put put) const
    {
#pragma unroll 4
        for (int at = 0; at < Rows; at += Threads / vectors) {
            const int token = first + at + row;
            Vector<Sum, N> value = {};
            if (token < length) {
                value = add(as<Sum>(load<N>(from + token * stride)), bias);
            }
            put(at + row, column, value);
        }
    }
};
