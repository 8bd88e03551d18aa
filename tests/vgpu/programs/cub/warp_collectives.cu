// CUB's warp collectives: reduce, scan, merge sort, exchange; whole and logical warps, with valid counts and segments.
#include <cub/warp/warp_merge_sort.cuh>
#include <cub/warp/warp_reduce.cuh>
#include <cub/warp/warp_scan.cuh>
#include <cuda/std/functional>

template <int Lanes> __device__ void reduce(int *row, int value, int valid, bool head) {
    using Reduce = cub::WarpReduce<int, Lanes>;
    __shared__ typename Reduce::TempStorage storage[64 / Lanes];
    auto &mine = storage[threadIdx.x / Lanes];
    row[0] = Reduce(mine).Sum(value);
    row[1] = Reduce(mine).Reduce(value, cuda::maximum<>{});
    row[2] = Reduce(mine).Sum(value, valid);
    row[3] = Reduce(mine).HeadSegmentedSum(value, head);
    row[4] = Reduce(mine).TailSegmentedReduce(value, head, cuda::minimum<>{});
}

template <int Lanes> __device__ void scan(int *row, int value) {
    using Scan = cub::WarpScan<int, Lanes>;
    __shared__ typename Scan::TempStorage storage[64 / Lanes];
    auto &mine = storage[threadIdx.x / Lanes];
    int total;
    Scan(mine).InclusiveSum(value, row[0]);
    Scan(mine).ExclusiveSum(value, row[1], total);
    row[2] = total;
    Scan(mine).InclusiveScan(value, row[3], cuda::maximum<>{});
    Scan(mine).ExclusiveScan(value, row[4], -7, cuda::minimum<>{});
    row[5] = Scan(mine).Broadcast(value, Lanes - 1);
}

template <int Lanes> __global__ void reductions(int *out, const int *in, int valid) {
    reduce<Lanes>(out + 5 * threadIdx.x, in[threadIdx.x], valid, in[threadIdx.x] % 5 == 0);
}

template <int Lanes> __global__ void scans(int *out, const int *in) { scan<Lanes>(out + 6 * threadIdx.x, in[threadIdx.x]); }

template __global__ void reductions<32>(int *, const int *, int);
template __global__ void reductions<8>(int *, const int *, int);
template __global__ void reductions<7>(int *, const int *, int);
template __global__ void scans<32>(int *, const int *);
template __global__ void scans<16>(int *, const int *);
template __global__ void scans<7>(int *, const int *);

extern "C" __global__ void wide(double *out, const double *in) {
    using Reduce = cub::WarpReduce<double>;
    __shared__ Reduce::TempStorage storage;
    double sum = Reduce(storage).Sum(in[threadIdx.x]);
    using Scan = cub::WarpScan<double>;
    __shared__ Scan::TempStorage scans;
    Scan(scans).InclusiveSum(in[threadIdx.x], out[threadIdx.x]);
    if (threadIdx.x == 0) out[32] = sum;
}

extern "C" __global__ void sort(int *values) {
    using Sort = cub::WarpMergeSort<int, 4, 32>;
    __shared__ Sort::TempStorage storage;
    int keys[4];
    for (int k = 0; k < 4; k++) keys[k] = values[4 * threadIdx.x + k];
    Sort(storage).Sort(keys, cuda::std::less<int>{});
    for (int k = 0; k < 4; k++) values[4 * threadIdx.x + k] = keys[k];
}
