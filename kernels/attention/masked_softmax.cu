// out = softmax over keys of (-inf where masked, else scores * scale); scores and out are [batch, heads, queries, keys],
// masked is a bool tensor [batch or 1, 1, queries or 1, keys], read through two strides (0 where it is broadcast).
//
// A row of scores stays in registers: memory is passed over once. A row with everything masked is NaN, as the definition
// makes it: its maximum is -inf, and -inf - -inf is NaN.
#include "../cuda/reduce.cuh"
#include "../cuda/vector.cuh"

__device__ __forceinline__ float minus_infinity() { return Max::identity(); }

// Which flags go with which row of scores; rows are numbered batch-major, then by head, then by query.
struct MaskLayout {
    long long batch_stride;
    long long query_stride;
    int heads;
    int queries;

    __device__ __forceinline__ long long offset(unsigned row) const
    {
        const unsigned per_batch = heads * queries;
        return row / per_batch * batch_stride + row % queries * query_stride;
    }
};

template <typename T, int N>
__device__ __forceinline__ Vector<float, N> load_scores(const T* scores, const unsigned char* masked, float scale)
{
    Vector<float, N> value = load_float<N>(scores);
    const Vector<unsigned char, N> hidden = load<N>(masked);
#pragma unroll
    for (int i = 0; i < N; ++i) {
        value.at[i] = hidden.at[i] ? minus_infinity() : value.at[i] * scale;
    }
    return value;
}

// A row of up to Row::threads() * Items * N keys; Row is LanesPerRow or BlockPerRow.
// Lanes whose row lies beyond the last one stay, with no keys, since the others' shuffles wait for them.
template <typename T, int N, int Items, typename Row>
__global__ void __launch_bounds__(1024)
    masked_softmax(T* __restrict__ out, const T* __restrict__ scores, const unsigned char* __restrict__ masked,
                   long long batch_stride, long long query_stride, int heads, int queries, int rows, int row_keys,
                   float scale)
{
    __shared__ float partials[2][max_warps];
    const unsigned index = Row::row();
    const int keys = index < static_cast<unsigned>(rows) ? row_keys : 0;
    const long long row = static_cast<long long>(index) * keys;
    masked += MaskLayout{batch_stride, query_stride, heads, queries}.offset(index);
    Vector<float, N> held[Items];

    float largest = Max::identity();
#pragma unroll
    for (int item = 0; item < Items; ++item) {
        const int key = (item * Row::threads() + threadIdx.x) * N;
        if (key < keys) {
            held[item] = load_scores<T, N>(scores + row + key, masked + key, scale);
#pragma unroll
            for (int i = 0; i < N; ++i) {
                largest = Max::apply(largest, held[item].at[i]);
            }
        }
    }
    largest = Row::template reduce<Max>(largest, partials[0]);

    float total = 0.0f;
#pragma unroll
    for (int item = 0; item < Items; ++item) {
        if ((item * Row::threads() + threadIdx.x) * N < keys) {
#pragma unroll
            for (int i = 0; i < N; ++i) {
                held[item].at[i] = expf(held[item].at[i] - largest);
                total += held[item].at[i];
            }
        }
    }
    const float share = 1.0f / Row::template reduce<Sum>(total, partials[1]);

#pragma unroll
    for (int item = 0; item < Items; ++item) {
        const int key = (item * Row::threads() + threadIdx.x) * N;
        if (key < keys) {
#pragma unroll
            for (int i = 0; i < N; ++i) {
                held[item].at[i] *= share;
            }
            store_float(out + row + key, held[item]);
        }
    }
}

// A row that does not fit into the registers of a block: maximum and sum in one pass (each thread rescales its sum as
// its maximum grows), and a second pass that writes.
template <typename T, int N>
__global__ void __launch_bounds__(1024)
    masked_softmax_long(T* __restrict__ out, const T* __restrict__ scores, const unsigned char* __restrict__ masked,
                        long long batch_stride, long long query_stride, int heads, int queries, int keys, float scale)
{
    __shared__ float partials[2][max_warps];
    const unsigned index = BlockPerRow::row();
    const long long row = static_cast<long long>(index) * keys;
    masked += MaskLayout{batch_stride, query_stride, heads, queries}.offset(index);
    const int first = threadIdx.x * N;
    const int stride = blockDim.x * N;

    float highest = Max::identity();
    float total = 0.0f;
    for (int key = first; key < keys; key += stride) {
        const Vector<float, N> value = load_scores<T, N>(scores + row + key, masked + key, scale);
        float higher = highest;
#pragma unroll
        for (int i = 0; i < N; ++i) {
            higher = Max::apply(higher, value.at[i]);
        }
        // Nothing seen but -inf (or NaN): there is no maximum yet to measure from.
        const float origin = higher == minus_infinity() ? 0.0f : higher;
        total *= expf(highest - origin);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            total += expf(value.at[i] - origin);
        }
        highest = higher;
    }
    const float largest = BlockPerRow::reduce<Max>(highest, partials[0]);
    // In a row with everything masked both maxima are -inf, and the sum becomes NaN here.
    const float share = 1.0f / BlockPerRow::reduce<Sum>(total * expf(highest - largest), partials[1]);

    for (int key = first; key < keys; key += stride) {
        Vector<float, N> value = load_scores<T, N>(scores + row + key, masked + key, scale);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            value.at[i] = expf(value.at[i] - largest) * share;
        }
        store_float(out + row + key, value);
    }
}
