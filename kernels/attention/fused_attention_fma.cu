// fused_attention.cu without tensor cores, in FP32 arithmetic: for FP32, and for bfloat16 on GPUs whose tensor cores do
// not take it. Grid and arguments are the same. Tiles of 32 keys.
//
// One warp has 16 queries. Lane = 8 * group + member works on queries group, group + 4, …, and, of scores, on keys
// member, member + 8, …; of the context, on columns 4 * member to 4 * member + 3 of every 32.
#include "fused_attention.cuh"

constexpr int tile_keys = 32;
constexpr int warp_queries = 16;
constexpr int own_queries = 4;
constexpr int own_keys = 4;
// A row of weights; the pad puts the rows of the four groups into different banks.
constexpr int weight_stride = tile_keys + 8;

// Where four columns of a tile's row lie: permuted within the row, so that lanes that read the same chunk of eight
// neighbouring rows do not meet in a bank.
template <int Size>
__device__ __forceinline__ int chunk_at(int row, int chunk)
{
    return 4 * (row * (Size / 4) + (chunk ^ (row % 8)));
}

template <int Size>
__device__ __forceinline__ int at(int row, int column)
{
    return chunk_at<Size>(row, column / 4) + column % 4;
}

// Writes vectors of up to four scalars to a tile.
template <int Size>
struct Put {
    float* tile;

    template <int N>
    __device__ __forceinline__ void operator()(int row, int column, const Vector<float, N>& value) const
    {
        store(tile + at<Size>(row, column), value);
    }
};

// N is at most 4.
template <typename T, int N, int Size, int Warps>
__global__ void __launch_bounds__(Warps * warp_size, (Size > 64 ? 8 : 12) / Warps)
    fused_attention_fma(T* __restrict__ out, const T* __restrict__ qkv, const T* __restrict__ bias,
                        const int* __restrict__ offsets, int length, int heads,
                        const unsigned char* __restrict__ masked, long long batch_stride, long long query_stride,
                        float scale)
{
    constexpr int threads = Warps * warp_size;
    constexpr int queries = warp_queries * Warps;
    constexpr int own_columns = Size / 8;
    alignas(16) __shared__ float query_tile[queries * Size];
    alignas(16) __shared__ float key_tile[tile_keys * Size];
    alignas(16) __shared__ float value_tile[tile_keys * Size];
    alignas(16) __shared__ float weights[Warps][warp_queries * weight_stride];

    const Work work({offsets, length, heads, masked, batch_stride, query_stride}, queries);
    if (work.query >= work.length) {
        return;  // a packed sequence that is shorter than the longest one
    }
    const int warp = threadIdx.x / warp_size;
    const int lane = threadIdx.x % warp_size;
    const int first_row = warp * warp_queries;
    const int group = lane / 8;
    const int member = lane % 8;
    const auto own_row = [group](int i) { return group + 4 * i; };

    Loader<T, float, N, Size, threads, queries>(qkv, bias, work, heads, 0)
        .tile(work.query, work.length, Put<Size>{query_tile});
    const Loader<T, float, N, Size, threads, tile_keys> keys(qkv, bias, work, heads, 1);
    const Loader<T, float, N, Size, threads, tile_keys> values(qkv, bias, work, heads, 2);
    float largest[own_queries];
    float total[own_queries] = {};
    Vector<float, 4> context[own_queries][own_columns / 4] = {};
#pragma unroll
    for (int i = 0; i < own_queries; ++i) {
        largest[i] = minus_infinity();
    }

    for (int first = 0; first < work.length; first += tile_keys) {
        keys.tile(first, work.length, Put<Size>{key_tile});
        values.tile(first, work.length, Put<Size>{value_tile});
        unsigned hidden[own_queries][1];
        load_hidden(hidden, work, query_stride, work.query + first_row, first, own_row);
        __syncthreads();

        float score[own_queries][own_keys] = {};
#pragma unroll 4
        for (int chunk = 0; chunk < Size / 4; ++chunk) {
            Vector<float, 4> left[own_queries];
            Vector<float, 4> right[own_keys];
#pragma unroll
            for (int i = 0; i < own_queries; ++i) {
                left[i] = load<4>(query_tile + chunk_at<Size>(first_row + own_row(i), chunk));
            }
#pragma unroll
            for (int j = 0; j < own_keys; ++j) {
                right[j] = load<4>(key_tile + chunk_at<Size>(member + 8 * j, chunk));
            }
#pragma unroll
            for (int i = 0; i < own_queries; ++i) {
#pragma unroll
                for (int j = 0; j < own_keys; ++j) {
#pragma unroll
                    for (int k = 0; k < 4; ++k) {
                        score[i][j] += left[i].at[k] * right[j].at[k];
                    }
                }
            }
        }

#pragma unroll
        for (int i = 0; i < own_queries; ++i) {
            float highest = largest[i];
#pragma unroll
            for (int j = 0; j < own_keys; ++j) {
                const bool gone = hidden[i][0] >> (member + 8 * j) & 1;
                score[i][j] = gone ? minus_infinity() : score[i][j] * scale;
                highest = Max::apply(highest, score[i][j]);
            }
            highest = warp_reduce<Max, 8>(highest);
            const Rescaling rescaling(largest[i], highest);
            largest[i] = highest;
            total[i] *= rescaling.factor;
#pragma unroll
            for (int j = 0; j < own_keys; ++j) {
                const float weight = expf(score[i][j] - rescaling.origin);
                total[i] += weight;
                weights[warp][own_row(i) * weight_stride + member + 8 * j] = weight;
            }
#pragma unroll
            for (int part = 0; part < own_columns / 4; ++part) {
#pragma unroll
                for (int k = 0; k < 4; ++k) {
                    context[i][part].at[k] *= rescaling.factor;
                }
            }
        }
        __syncwarp();

#pragma unroll 2
        for (int key = 0; key < tile_keys; key += 4) {
            Vector<float, 4> weight[own_queries];
#pragma unroll
            for (int i = 0; i < own_queries; ++i) {
                weight[i] = load<4>(&weights[warp][own_row(i) * weight_stride + key]);
            }
#pragma unroll
            for (int j = 0; j < 4; ++j) {
#pragma unroll
                for (int part = 0; part < own_columns / 4; ++part) {
                    const Vector<float, 4> value = load<4>(value_tile + chunk_at<Size>(key + j, part * 8 + member));
#pragma unroll
                    for (int i = 0; i < own_queries; ++i) {
#pragma unroll
                        for (int k = 0; k < 4; ++k) {
                            context[i][part].at[k] += weight[i].at[j] * value.at[k];
                        }
                    }
                }
            }
        }
        __syncthreads();
    }

    // Each lane's own queries take its own columns of their rows again, so that a warp stores whole rows, N scalars a
    // thread. Nothing was seen but masked keys: 0 / 0 is NaN.
#pragma unroll
    for (int i = 0; i < own_queries; ++i) {
        const float share = 1.0f / warp_reduce<Sum, 8>(total[i]);
#pragma unroll
        for (int part = 0; part < own_columns / 4; ++part) {
#pragma unroll
            for (int k = 0; k < 4; ++k) {
                context[i][part].at[k] *= share;
            }
            store(query_tile + chunk_at<Size>(first_row + own_row(i), part * 8 + member), context[i][part]);
        }
    }
    __syncwarp();
    for (int place = lane * N; place < warp_queries * Size; place += warp_size * N) {
        const int row = first_row + place / Size;
        if (work.query + row < work.length) {
            const long long token = work.token + work.query + row;
            T* const to = out + (token * heads + work.head) * Size + place % Size;
            store_float(to, load<N>(query_tile + at<Size>(row, place % Size)));
        }
    }
}
