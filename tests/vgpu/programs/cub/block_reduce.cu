// CUB's BlockReduce in all its algorithms, with odd block sizes, several items a thread, and functors.
#include <cub/block/block_reduce.cuh>
#include <cuda/std/functional>

struct Longest {
    int first, length;
};

struct Longer {
    __device__ Longest operator()(const Longest &a, const Longest &b) const { return b.length > a.length ? b : a; }
};

template <typename T, int Threads, int Algorithm>
__global__ void reduce(T *out, const T *in, int valid) {
    using Reduce = cub::BlockReduce<T, Threads, static_cast<cub::BlockReduceAlgorithm>(Algorithm)>;
    __shared__ typename Reduce::TempStorage storage;
    const T *mine = in + blockIdx.x * Threads * 3;
    T items[3];
    for (int k = 0; k < 3; k++) items[k] = mine[3 * threadIdx.x + k];
    T sum = Reduce(storage).Sum(items);
    __syncthreads();
    T most = Reduce(storage).Reduce(items[0], cuda::maximum<>{});
    __syncthreads();
    T some = Reduce(storage).Sum(items[1], valid);
    if (threadIdx.x == 0) {
        out[3 * blockIdx.x] = sum;
        out[3 * blockIdx.x + 1] = most;
        out[3 * blockIdx.x + 2] = some;
    }
}

#define ALL(T, threads)                                                                                     \
    template __global__ void reduce<T, threads, cub::BLOCK_REDUCE_RAKING>(T *, const T *, int);             \
    template __global__ void reduce<T, threads, cub::BLOCK_REDUCE_RAKING_COMMUTATIVE_ONLY>(T *, const T *, int); \
    template __global__ void reduce<T, threads, cub::BLOCK_REDUCE_WARP_REDUCTIONS>(T *, const T *, int);

ALL(int, 128)
ALL(double, 100)

extern "C" __global__ void longest(int *out, const int *lengths) {
    using Reduce = cub::BlockReduce<Longest, 8, cub::BLOCK_REDUCE_RAKING, 6, 2>;
    __shared__ Reduce::TempStorage storage;
    int rank = (threadIdx.z * 6 + threadIdx.y) * 8 + threadIdx.x;
    Longest found = Reduce(storage).Reduce(Longest{rank, lengths[rank]}, Longer{});
    if (rank == 0) {
        out[0] = found.first;
        out[1] = found.length;
    }
}
