// Padding removal and rebuild, after ByteDance's Effective Transformer: which tokens are valid, by a prefix sum over the
// mask, and rows moved between the padded and the packed order.
#include "../cuda/reduce.cuh"
#include "../cuda/vector.cuh"

constexpr int warp_tokens = 4 * warp_size;  // of one warp in one step of the sum

// Inclusive sums over the lanes of a warp.
__device__ __forceinline__ int prefix_sum(int value)
{
    const int lane = threadIdx.x % warp_size;
#pragma unroll
    for (int distance = 1; distance < warp_size; distance *= 2) {
        const int before = __shfl_up_sync(all_lanes, value, distance);
        value += lane < distance ? 0 : before;
    }
    return value;
}

// places[token] is the token's row in the packed order, or -1 at padding; sources[row] the token of a packed row, or -1
// behind the last one; offsets[i] the packed row at which sequence i starts, and offsets[batch] how many rows there are.
//
// One block of 1024 threads: the sum runs over all tokens, and 4096 of them take one step. A ballot adds up 32 flags.
__global__ void __launch_bounds__(1024)
    find_tokens(int* __restrict__ places, int* __restrict__ sources, int* __restrict__ offsets,
                const unsigned char* __restrict__ masked, int tokens, int sequence)
{
    __shared__ int totals[max_warps];
    const int lane = threadIdx.x % warp_size;
    const int warp = threadIdx.x / warp_size;
    int rows = 0;

    for (int first = 0; first < tokens; first += max_warps * warp_tokens) {
        const int own = first + warp * warp_tokens + lane;
        unsigned valid[warp_tokens / warp_size];
        int count = 0;
#pragma unroll
        for (int i = 0; i < warp_tokens / warp_size; ++i) {
            const int token = own + i * warp_size;
            valid[i] = __ballot_sync(all_lanes, token < tokens && !masked[token]);
            count += __popc(valid[i]);
        }
        if (lane == 0) {
            totals[warp] = count;
        }
        __syncthreads();
        const int sums = prefix_sum(totals[lane]);
        int place = rows + __shfl_sync(all_lanes, sums, warp) - count;
        rows += __shfl_sync(all_lanes, sums, max_warps - 1);
        __syncthreads();

#pragma unroll
        for (int i = 0; i < warp_tokens / warp_size; ++i) {
            const int token = own + i * warp_size;
            const int rank = place + __popc(valid[i] & ((1u << lane) - 1));
            const bool kept = valid[i] >> lane & 1;
            if (token < tokens) {
                places[token] = kept ? rank : -1;
                if (kept) {
                    sources[rank] = token;
                }
                if (token % sequence == 0) {
                    offsets[token / sequence] = rank;
                }
            }
            place += __popc(valid[i]);
        }
    }

    for (int row = rows + threadIdx.x; row < tokens; row += blockDim.x) {
        sources[row] = -1;
    }
    if (threadIdx.x == 0) {
        offsets[tokens / sequence] = rows;
    }
}

// out[row] = x[index[row]], or zeros where the index is negative; out is [rows, cols]. As in bias_gelu.cu a thread keeps
// its N columns and walks down the rows. Block (columns / N, rows), grid (column tiles, row tiles).
template <typename T, int N>
__global__ void __launch_bounds__(256)
    take_rows(T* __restrict__ out, const T* __restrict__ x, const int* __restrict__ index, int rows, int cols)
{
    const int col = (blockIdx.x * blockDim.x + threadIdx.x) * N;
    if (col >= cols) {
        return;
    }
    const long long stride = static_cast<long long>(gridDim.y) * blockDim.y;
    for (long long row = static_cast<long long>(blockIdx.y) * blockDim.y + threadIdx.y; row < rows; row += stride) {
        const long long from = index[row];
        Vector<T, N> value = {};
        if (from >= 0) {
            value = load<N>(x + from * cols + col);
        }
        store(out + row * cols + col, value);
    }
}
