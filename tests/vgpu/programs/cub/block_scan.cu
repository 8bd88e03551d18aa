// CUB's BlockScan in all its algorithms: inclusive, exclusive, with aggregates and a running prefix across tiles.
#include <cub/block/block_scan.cuh>
#include <cuda/std/functional>

struct Running {
    int total;
    __device__ int operator()(int aggregate) {
        int before = total;
        total += aggregate;
        return before;
    }
};

template <int Threads, int Algorithm> __global__ void scan(int *out, const int *in, int n) {
    using Scan = cub::BlockScan<int, Threads, static_cast<cub::BlockScanAlgorithm>(Algorithm)>;
    __shared__ typename Scan::TempStorage storage;
    Running running = {100};
    for (int first = 0; first < n; first += 2 * Threads) {
        int items[2], sums[2], largest[2], aggregate;
        for (int k = 0; k < 2; k++) {
            int i = first + 2 * threadIdx.x + k;
            items[k] = i < n ? in[i] : 0;
        }
        Scan(storage).ExclusiveSum(items, sums, running);
        __syncthreads();
        Scan(storage).InclusiveScan(items, largest, cuda::maximum<>{}, aggregate);
        __syncthreads();
        for (int k = 0; k < 2; k++) {
            int i = first + 2 * threadIdx.x + k;
            if (i < n) {
                out[3 * i] = sums[k];
                out[3 * i + 1] = largest[k];
                out[3 * i + 2] = aggregate;
            }
        }
    }
}

template __global__ void scan<64, cub::BLOCK_SCAN_RAKING>(int *, const int *, int);
template __global__ void scan<64, cub::BLOCK_SCAN_RAKING_MEMOIZE>(int *, const int *, int);
template __global__ void scan<64, cub::BLOCK_SCAN_WARP_SCANS>(int *, const int *, int);
template __global__ void scan<96, cub::BLOCK_SCAN_RAKING>(int *, const int *, int);
template __global__ void scan<96, cub::BLOCK_SCAN_WARP_SCANS>(int *, const int *, int);
