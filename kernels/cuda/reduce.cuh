// Reductions over the threads that share one row: lanes of a warp, or a whole block. Every thread gets the result.
#pragma once

constexpr int warp_size = 32;
constexpr int max_warps = 32;
constexpr unsigned all_lanes = 0xffffffffu;

struct Sum {
    static __device__ __forceinline__ float identity() { return 0.0f; }
    static __device__ __forceinline__ float apply(float a, float b) { return a + b; }
};

// The identity is -inf: a row of very small, or of masked, scores has no other lower bound.
struct Max {
    static __device__ __forceinline__ float identity() { return __int_as_float(0xff800000); }
    static __device__ __forceinline__ float apply(float a, float b) { return fmaxf(a, b); }
};

// Over groups of `Lanes` neighbouring lanes, a power of 2. All 32 lanes of the warp take part.
template <typename Operation, int Lanes = warp_size>
__device__ __forceinline__ float warp_reduce(float value)
{
#pragma unroll
    for (int distance = Lanes / 2; distance > 0; distance /= 2) {
        value = Operation::apply(value, __shfl_xor_sync(all_lanes, value, distance));
    }
    return value;
}

// A block (Lanes, n), whole warps in all: each group of lanes has a row of its own.
template <int Lanes>
struct LanesPerRow {
    static __device__ __forceinline__ unsigned row() { return blockIdx.x * blockDim.y + threadIdx.y; }
    static __device__ __forceinline__ int threads() { return Lanes; }

    template <typename Operation>
    static __device__ __forceinline__ float reduce(float value, float*)
    {
        return warp_reduce<Operation, Lanes>(value);
    }
};

// A block (n, 1), n a multiple of 32: all of it works on one row.
struct BlockPerRow {
    static __device__ __forceinline__ unsigned row() { return blockIdx.x; }
    static __device__ __forceinline__ int threads() { return blockDim.x; }

    // `partials`: max_warps floats of shared memory that no other reduction of the kernel uses, so that one barrier
    // is enough. Every warp adds up the partials for itself: no second barrier to hand the result round.
    template <typename Operation>
    static __device__ __forceinline__ float reduce(float value, float* partials)
    {
        const int lane = threadIdx.x % warp_size;
        const int warp = threadIdx.x / warp_size;
        value = warp_reduce<Operation>(value);
        if (lane == 0) {
            partials[warp] = value;
        }
        __syncthreads();
        const int warps = blockDim.x / warp_size;
        return warp_reduce<Operation>(lane < warps ? partials[lane] : Operation::identity());
    }
};
