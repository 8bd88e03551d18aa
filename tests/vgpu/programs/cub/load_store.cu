// CUB's BlockLoad and BlockStore in all their algorithms: direct, striped, vectorised, transposed; whole and partial.
#include <cub/block/block_load.cuh>
#include <cub/block/block_store.cuh>

constexpr int THREADS = 64, ITEMS = 4;

template <int Algorithm>
__global__ void copy(int *out, int *seen, int *in, int n) {
    using Load = cub::BlockLoad<int, THREADS, ITEMS, static_cast<cub::BlockLoadAlgorithm>(Algorithm)>;
    using Store = cub::BlockStore<int, THREADS, ITEMS, static_cast<cub::BlockStoreAlgorithm>(Algorithm)>;
    __shared__ union {
        typename Load::TempStorage load;
        typename Store::TempStorage store;
    } storage;
    int items[ITEMS], first = blockIdx.x * THREADS * ITEMS, left = n - first;
    if (left >= THREADS * ITEMS) Load(storage.load).Load(in + first, items);
    else Load(storage.load).Load(in + first, items, left, -1);
    __syncthreads();
    for (int k = 0; k < ITEMS; k++) {
        seen[first + threadIdx.x * ITEMS + k] = items[k];
        items[k] = items[k] * 2 + 1;
    }
    if (left >= THREADS * ITEMS) Store(storage.store).Store(out + first, items);
    else Store(storage.store).Store(out + first, items, left);
}

#define COPY(algorithm)                                                                       \
    static_assert(int(cub::BLOCK_LOAD_##algorithm) == int(cub::BLOCK_STORE_##algorithm)); \
    template __global__ void copy<cub::BLOCK_LOAD_##algorithm>(int *, int *, int *, int);

COPY(DIRECT)
COPY(STRIPED)
COPY(VECTORIZE)
COPY(TRANSPOSE)
COPY(WARP_TRANSPOSE)
COPY(WARP_TRANSPOSE_TIMESLICED)
