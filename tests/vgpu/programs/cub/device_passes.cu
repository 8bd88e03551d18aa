// Algorithms of a whole device from CUB's blocks: a reduction in two passes, a selection in one pass by looking back.
#include <cub/block/block_load.cuh>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/grid/grid_even_share.cuh>

constexpr int THREADS = 128, ITEMS = 4, TILE = THREADS * ITEMS;

extern "C" __global__ void partial_sums(double *partial, const float *in, int n) {
    using Reduce = cub::BlockReduce<double, THREADS>;
    __shared__ Reduce::TempStorage storage;
    cub::GridEvenShare<int> share;
    share.DispatchInit(n, gridDim.x, TILE);
    share.BlockInit<TILE, cub::GRID_MAPPING_STRIP_MINE>();
    double sum = 0;
    for (int tile = share.block_offset; tile < share.block_end; tile += share.block_stride)
        for (int k = 0; k < ITEMS; k++) {
            int i = tile + k * THREADS + threadIdx.x;
            if (i < share.block_end) sum += in[i];
        }
    sum = Reduce(storage).Sum(sum);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

extern "C" __global__ void total(double *out, const double *partial, int n) {
    using Reduce = cub::BlockReduce<double, THREADS, cub::BLOCK_REDUCE_RAKING>;
    __shared__ Reduce::TempStorage storage;
    double sum = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) sum += partial[i];
    sum = Reduce(storage).Sum(sum);
    if (threadIdx.x == 0) *out = sum;
}

// Each tile publishes its count, then the sum of all up to it; later tiles wait for what comes before them.
extern "C" __global__ void select_even(int *out, int *count, unsigned long long *state, int *next, const int *in, int n) {
    using Load = cub::BlockLoad<int, THREADS, ITEMS, cub::BLOCK_LOAD_WARP_TRANSPOSE>;
    using Scan = cub::BlockScan<int, THREADS>;
    __shared__ Load::TempStorage load;
    __shared__ Scan::TempStorage scan;
    __shared__ int shared_tile, before;
    constexpr unsigned long long AGGREGATE = 1ull << 32, PREFIX = 2ull << 32;
    if (threadIdx.x == 0) shared_tile = atomicAdd(next, 1);
    __syncthreads();
    int tile = shared_tile, items[ITEMS], kept[ITEMS], places[ITEMS], here;
    Load(load).Load(in + tile * TILE, items, n - tile * TILE, 1);
    for (int k = 0; k < ITEMS; k++) kept[k] = items[k] % 2 == 0;
    Scan(scan).ExclusiveSum(kept, places, here);
    if (threadIdx.x == 0) {
        atomicExch(&state[tile], (tile ? AGGREGATE : PREFIX) | here);
        int sum = 0;
        for (int look = tile - 1; look >= 0; look--) {
            unsigned long long seen;
            do seen = *static_cast<volatile unsigned long long *>(state + look);
            while (seen < AGGREGATE);
            sum += static_cast<int>(seen);
            if (seen >= PREFIX) break;
        }
        if (tile) atomicExch(&state[tile], PREFIX | static_cast<unsigned>(sum + here));
        before = sum;
        if ((tile + 1) * TILE >= n) *count = sum + here;
    }
    __syncthreads();
    for (int k = 0; k < ITEMS; k++)
        if (kept[k]) out[before + places[k]] = items[k];
}
