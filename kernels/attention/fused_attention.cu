// context = softmax(Q K^T * scale, masked) V of every head in one launch, on tensor cores: qkv + bias in, [tokens, hidden]
// out. One warp has 16 queries, a block 16 * Warps of one head; keys come in tiles of Keys.
//
// Products are mma of 16 x 8 tiles, whose fragments' layouts are those of PTX ISA, "Matrix Fragments for mma.m16n8k16":
// lane = 4 * group + member holds, of a product, rows group and group + 8 and columns 2 * member and 2 * member + 1,
// which is also how the next product takes it as its left operand: the weights never leave their registers.
#include "fused_attention.cuh"

// A tile of rows of `Size` 16-bit scalars. Chunks of 16 bytes are permuted within a row (by exclusive or with the row, or
// with the pair of rows where 128 bytes hold two), so that neither eight rows of one chunk, which ldmatrix reads, nor the
// rows that a warp writes meet in a bank.
template <int Size>
struct Tile {
    static constexpr int chunks = Size / 8;
    static constexpr int rows_per_line = chunks < 8 ? 8 / chunks : 1;

    static __device__ __forceinline__ int at(int row, int column)
    {
        const int chunk = (column / 8) ^ (row / rows_per_line % (chunks < 8 ? chunks : 8));
        return row * Size + chunk * 8 + column % 8;
    }
};

template <bool Transposed, typename T>
__device__ __forceinline__ void load_matrices(unsigned (&into)[4], const T* from)
{
    const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(from));
    if constexpr (Transposed) {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(into[0]), "=r"(into[1]), "=r"(into[2]), "=r"(into[3])
                     : "r"(address)
                     : "memory");
    } else {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(into[0]), "=r"(into[1]), "=r"(into[2]), "=r"(into[3])
                     : "r"(address)
                     : "memory");
    }
}

// sum += left * right, over 16 terms. Turing has the instruction for 8 of them, and none for bfloat16.
__device__ __forceinline__ void multiply_add(
    float (&sum)[4], const unsigned (&left)[4], unsigned right0, unsigned right1, __half)
{
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right0), "r"(right1));
#else
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(left[0]), "r"(left[1]), "r"(right0));
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(left[2]), "r"(left[3]), "r"(right1));
#endif
}

#if __CUDA_ARCH__ >= 800
__device__ __forceinline__ void multiply_add(
    float (&sum)[4], const unsigned (&left)[4], unsigned right0, unsigned right1, __nv_bfloat16)
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
        "%3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right0), "r"(right1));
}
#endif

template <typename T>
__device__ __forceinline__ unsigned packed(float low, float high)
{
    const auto pair = Short<T>::narrow(low, high);
    unsigned word;
    memcpy(&word, &pair, sizeof(word));
    return word;
}

// Over the four lanes of a group, which hold one row.
template <typename Operation>
__device__ __forceinline__ float row_reduce(float value)
{
    return warp_reduce<Operation, 4>(value);
}

template <typename T, int N, int Size, int Warps, int Keys>
__global__ void __launch_bounds__(Warps * warp_size, (Size > 64 ? 8 : 12) / Warps)
    fused_attention(T* __restrict__ out, const T* __restrict__ qkv, const T* __restrict__ bias,
                    const int* __restrict__ offsets, int length, int heads, const unsigned char* __restrict__ masked,
                    long long batch_stride, long long query_stride, float scale)
{
    constexpr int threads = Warps * warp_size;
    constexpr int queries = 16 * Warps;
    constexpr int steps = Size / 16;
    constexpr int words = Keys / warp_size;
    static_assert(queries <= 2 * Keys, "queries, and what comes out, take the place of keys and values");
    alignas(16) __shared__ T tiles[2 * Keys * Size];
    T* const key_tile = tiles;
    T* const value_tile = tiles + Keys * Size;

    const Work work({offsets, length, heads, masked, batch_stride, query_stride}, queries);
    if (work.query >= work.length) {
        return;  // a packed sequence that is shorter than the longest one
    }
    const int lane = threadIdx.x % warp_size;
    const int first_row = threadIdx.x / warp_size * 16;  // of the warp, among the block's queries
    const int group = lane / 4;
    const int member = lane % 4;
    const auto put = [](T* tile) {
        return [tile](int row, int column, const Vector<T, N>& value) { store(tile + Tile<Size>::at(row, column), value); };
    };

    Loader<T, T, N, Size, threads, queries>(qkv, bias, work, heads, 0).tile(work.query, work.length, put(tiles));
    __syncthreads();
    unsigned query[steps][4];
#pragma unroll
    for (int step = 0; step < steps; ++step) {
        load_matrices<false>(query[step], tiles + Tile<Size>::at(first_row + lane % 16, step * 16 + lane / 16 * 8));
    }
    __syncthreads();

    const Loader<T, T, N, Size, threads, Keys> keys(qkv, bias, work, heads, 1);
    const Loader<T, T, N, Size, threads, Keys> values(qkv, bias, work, heads, 2);
    float largest[2] = {minus_infinity(), minus_infinity()};
    float total[2] = {};
    float context[Size / 8][4] = {};

    for (int first = 0; first < work.length; first += Keys) {
        keys.tile(first, work.length, put(key_tile));
        values.tile(first, work.length, put(value_tile));
        unsigned hidden[2][words];
        load_hidden(hidden, work, query_stride, work.query + first_row, first, [group](int i) { return group + 8 * i; });
        __syncthreads();

        float score[Keys / 8][4] = {};
#pragma unroll
        for (int step = 0; step < steps; ++step) {
#pragma unroll
            for (int pair = 0; pair < Keys / 16; ++pair) {
                unsigned right[4];  // of keys 0 to 7 and 8 to 15, each the two halves of 16 columns
                const int row = pair * 16 + lane / 16 * 8 + lane % 8;
                load_matrices<false>(right, key_tile + Tile<Size>::at(row, step * 16 + lane / 8 % 2 * 8));
                multiply_add(score[2 * pair], query[step], right[0], right[1], T());
                multiply_add(score[2 * pair + 1], query[step], right[2], right[3], T());
            }
        }

        float highest[2] = {largest[0], largest[1]};
#pragma unroll
        for (int tile = 0; tile < Keys / 8; ++tile) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const int bit = tile % 4 * 8 + i % 2;
                const bool gone = hidden[i / 2][tile / 4] >> (2 * member + bit) & 1;
                score[tile][i] = gone ? minus_infinity() : score[tile][i] * scale;
                highest[i / 2] = Max::apply(highest[i / 2], score[tile][i]);
            }
        }
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            highest[half] = row_reduce<Max>(highest[half]);
            const Rescaling rescaling(largest[half], highest[half]);
            largest[half] = highest[half];
            total[half] *= rescaling.factor;
#pragma unroll
            for (int tile = 0; tile < Keys / 8; ++tile) {
#pragma unroll
                for (int i = 2 * half; i < 2 * half + 2; ++i) {
                    score[tile][i] = expf(score[tile][i] - rescaling.origin);
                    total[half] += score[tile][i];
                }
            }
#pragma unroll
            for (int tile = 0; tile < Size / 8; ++tile) {
                context[tile][2 * half] *= rescaling.factor;
                context[tile][2 * half + 1] *= rescaling.factor;
            }
        }

#pragma unroll
        for (int step = 0; step < Keys / 16; ++step) {
            const unsigned weight[4] = {packed<T>(score[2 * step][0], score[2 * step][1]),
                                        packed<T>(score[2 * step][2], score[2 * step][3]),
                                        packed<T>(score[2 * step + 1][0], score[2 * step + 1][1]),
                                        packed<T>(score[2 * step + 1][2], score[2 * step + 1][3])};
#pragma unroll
            for (int pair = 0; pair < Size / 16; ++pair) {
                unsigned right[4];  // of columns 0 to 7 and 8 to 15, each the two halves of 16 keys
                load_matrices<true>(right, value_tile + Tile<Size>::at(step * 16 + lane % 16, pair * 16 + lane / 16 * 8));
                multiply_add(context[2 * pair], weight, right[0], right[1], T());
                multiply_add(context[2 * pair + 1], weight, right[2], right[3], T());
            }
        }
        __syncthreads();
    }

    // Through shared memory, so that a warp stores whole rows. Nothing was seen but masked keys: 0 / 0 is NaN.
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const float share = 1.0f / row_reduce<Sum>(total[half]);
#pragma unroll
        for (int tile = 0; tile < Size / 8; ++tile) {
            const unsigned word = packed<T>(context[tile][2 * half] * share, context[tile][2 * half + 1] * share);
            T* const to = tiles + Tile<Size>::at(first_row + group + 8 * half, tile * 8 + 2 * member);
            *reinterpret_cast<unsigned*>(to) = word;
        }
    }
    __syncwarp();
    for (int place = lane * N; place < 16 * Size; place += warp_size * N) {
        const int row = first_row + place / Size;
        if (work.query + row < work.length) {
            const long long token = work.token + work.query + row;
            T* const to = out + (token * heads + work.head) * Size + place % Size;
            store(to, load<N>(tiles + Tile<Size>::at(row, place % Size)));
        }
    }
}
