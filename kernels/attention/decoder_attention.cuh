// Attention of single queries over a cache: softmax(query . keys) . values, in one pass over keys and values.
//
// A group of lanes takes a position: each lane holds some of the head's columns of query, key, value and context, so
// that a warp reads whole rows, 16 bytes a lane. Every group keeps a softmax of its own over its positions (Milakov and
// Gimelshein, Online normalizer calculation for softmax, 2018), and those are merged at the end, so that no row of
// scores is stored anywhere and any number of positions will do.
#pragma once

#include "../cuda/reduce.cuh"
#include "../cuda/vector.cuh"

constexpr int most_warps = 8;

// The columns of a head that one lane of a group holds: vectors lane, lane + Lanes, ...; 0 behind the head's size.
template <int N, int Items>
struct Columns {
    Vector<float, N> at[Items];
};

template <int Lanes, int N>
__device__ __forceinline__ int column(int item)
{
    return (item * Lanes + threadIdx.x % Lanes) * N;
}

template <int Lanes, int N, int Items, typename T>
__device__ __forceinline__ Columns<N, Items> load_columns(const T* head, int size)
{
    Columns<N, Items> columns = {};
#pragma unroll
    for (int item = 0; item < Items; ++item) {
        if (column<Lanes, N>(item) < size) {
            columns.at[item] = load_float<N>(head + column<Lanes, N>(item));
        }
    }
    return columns;
}

template <int Lanes, typename T, int N, int Items>
__device__ __forceinline__ void store_columns(T* head, const Columns<N, Items>& columns, int size)
{
#pragma unroll
    for (int item = 0; item < Items; ++item) {
        if (column<Lanes, N>(item) < size) {
            store_float(head + column<Lanes, N>(item), columns.at[item]);
        }
    }
}

// What a linear layer makes of a head: the product that a GEMM left at `product`, and the bias.
template <int Lanes, int N, int Items, typename T>
__device__ __forceinline__ Columns<N, Items> load_biased(const T* product, const T* bias, int size)
{
    Columns<N, Items> sum = load_columns<Lanes, N, Items>(product, size);
    const Columns<N, Items> shift = load_columns<Lanes, N, Items>(bias, size);
#pragma unroll
    for (int item = 0; item < Items; ++item) {
#pragma unroll
        for (int i = 0; i < N; ++i) {
            sum.at[item].at[i] += shift.at[item].at[i];
        }
    }
    return sum;
}

template <int N, int Items>
__device__ __forceinline__ void scale(Columns<N, Items>& columns, float factor)
{
#pragma unroll
    for (int item = 0; item < Items; ++item) {
#pragma unroll
        for (int i = 0; i < N; ++i) {
            columns.at[item].at[i] *= factor;
        }
    }
}

// Over the columns of a group's lanes, each of which gets the result. All lanes of the warp take part.
template <int Lanes, int N, int Items>
__device__ __forceinline__ float dot(const Columns<N, Items>& a, const Columns<N, Items>& b)
{
    float sum = 0.0f;
#pragma unroll
    for (int item = 0; item < Items; ++item) {
#pragma unroll
        for (int i = 0; i < N; ++i) {
            sum += a.at[item].at[i] * b.at[item].at[i];
        }
    }
    return warp_reduce<Sum, Lanes>(sum);
}

// The softmax of some positions: `total` and `sum` are those of exp(score - highest) and of its products with values.
// Before the first position, and with nothing but scores of -inf, `highest` is no number to measure from.
template <int N, int Items>
struct Softmax {
    float highest = Max::identity();
    float total = 0.0f;
    Columns<N, Items> sum = {};

    __device__ __forceinline__ void add(float score, const Columns<N, Items>& value) { merge(score, 1.0f, value); }

    __device__ __forceinline__ void merge(float other_highest, float other_total, const Columns<N, Items>& other_sum)
    {
        const float higher = Max::apply(highest, other_highest);
        const float origin = higher == Max::identity() ? 0.0f : higher;
        const float kept = expf(highest - origin);
        const float added = expf(other_highest - origin);
        total = total * kept + other_total * added;
#pragma unroll
        for (int item = 0; item < Items; ++item) {
#pragma unroll
            for (int i = 0; i < N; ++i) {
                sum.at[item].at[i] = sum.at[item].at[i] * kept + other_sum.at[item].at[i] * added;
            }
        }
        highest = higher;
    }
};

// Over `count` positions, of which a block's groups take turns; `cache` says where each one's key and value lie.
template <int Lanes, int Queries, int N, int Items, typename Cache>
__device__ __forceinline__ void attend(Softmax<N, Items> (&softmax)[Queries], const Columns<N, Items> (&query)[Queries],
                                       const Cache& cache, int count, int size)
{
    const int stride = blockDim.x / Lanes;
    const int ahead = threadIdx.x % warp_size / Lanes;
    // Whole warps go round together, since a dot product takes all of their lanes.
    for (int first = threadIdx.x / Lanes - ahead; first < count; first += stride) {
        const int position = first + ahead;
        Columns<N, Items> key = {};
        Columns<N, Items> value = {};
        if (position < count) {
            key = load_columns<Lanes, N, Items>(cache.key(position), size);
            value = load_columns<Lanes, N, Items>(cache.value(position), size);
        }
#pragma unroll
        for (int q = 0; q < Queries; ++q) {
            const float score = dot<Lanes>(query[q], key);
            if (position < count) {
                softmax[q].add(score, value);
            }
        }
    }
}

// Merges the softmaxes of a warp's groups; each group gets the result.
template <int Lanes, int N, int Items>
__device__ __forceinline__ void merge_groups(Softmax<N, Items>& softmax)
{
#pragma unroll
    for (int distance = warp_size / 2; distance >= Lanes; distance /= 2) {
        const float highest = __shfl_xor_sync(all_lanes, softmax.highest, distance);
        const float total = __shfl_xor_sync(all_lanes, softmax.total, distance);
        Columns<N, Items> sum;
#pragma unroll
        for (int item = 0; item < Items; ++item) {
#pragma unroll
            for (int i = 0; i < N; ++i) {
                sum.at[item].at[i] = __shfl_xor_sync(all_lanes, softmax.sum.at[item].at[i], distance);
            }
        }
        softmax.merge(highest, total, sum);
    }
}

// Where the warps of a block leave their softmaxes for one another. Lanes run fastest, and the row behind each sum shifts
// the next warp's, which another group reads at the same time: no two lanes share a bank.
template <int Lanes, int Queries, int N, int Items>
struct Exchange {
    float highest[Queries][most_warps];
    float total[Queries][most_warps];
    float sum[Queries][most_warps][Items * N + 1][Lanes];
};

// Merges those of a block, of up to most_warps warps, and stores the context of each of the first `queries`.
template <int Lanes, int Queries, int N, int Items, typename T>
__device__ __forceinline__ void store_context(T* out, long long out_stride, Softmax<N, Items> (&softmax)[Queries],
                                              int queries, int size)
{
    __shared__ Exchange<Lanes, Queries, N, Items> exchange;
    const int warp = threadIdx.x / warp_size;
    const int warps = blockDim.x / warp_size;
    const int group = threadIdx.x % warp_size / Lanes;
    const int lane = threadIdx.x % Lanes;
#pragma unroll
    for (int q = 0; q < Queries; ++q) {
        merge_groups<Lanes>(softmax[q]);
        if (group == 0) {
            exchange.highest[q][warp] = softmax[q].highest;
            exchange.total[q][warp] = softmax[q].total;
#pragma unroll
            for (int item = 0; item < Items; ++item) {
#pragma unroll
                for (int i = 0; i < N; ++i) {
                    exchange.sum[q][warp][item * N + i][lane] = softmax[q].sum.at[item].at[i];
                }
            }
        }
    }
    __syncthreads();
    for (int q = warp; q < queries; q += warps) {
        Softmax<N, Items> merged;
        for (int from = group; from < warps; from += warp_size / Lanes) {
            Columns<N, Items> sum;
#pragma unroll
            for (int item = 0; item < Items; ++item) {
#pragma unroll
                for (int i = 0; i < N; ++i) {
                    sum.at[item].at[i] = exchange.sum[q][from][item * N + i][lane];
                }
            }
            merged.merge(exchange.highest[q][from], exchange.total[q][from], sum);
        }
        merge_groups<Lanes>(merged);
        scale(merged.sum, 1.0f / merged.total);
        if (group == 0) {
            store_columns<Lanes>(out + q * out_stride, merged.sum, size);
        }
    }
}
