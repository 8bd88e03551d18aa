// CUB's block-wide sorts: radix (keys, pairs, descending, floats, bit ranges, striped) and merge.
#include <cub/block/block_merge_sort.cuh>
#include <cub/block/block_radix_sort.cuh>

constexpr int THREADS = 64, ITEMS = 5;

template <typename Key> __global__ void radix(Key *keys, int *values) {
    using Sort = cub::BlockRadixSort<Key, THREADS, ITEMS, int>;
    __shared__ typename Sort::TempStorage storage;
    Key key[ITEMS];
    int value[ITEMS];
    for (int k = 0; k < ITEMS; k++) {
        key[k] = keys[threadIdx.x * ITEMS + k];
        value[k] = threadIdx.x * ITEMS + k;
    }
    if (blockIdx.x == 0) Sort(storage).Sort(key, value);
    else Sort(storage).SortDescending(key, value);
    for (int k = 0; k < ITEMS; k++) {
        int at = blockIdx.x * THREADS * ITEMS + threadIdx.x * ITEMS + k;
        values[at] = value[k];
        if (gridDim.x == 1) keys[at] = key[k];
    }
}

template __global__ void radix<unsigned>(unsigned *, int *);
template __global__ void radix<float>(float *, int *);
template __global__ void radix<long long>(long long *, int *);

extern "C" __global__ void some_bits(unsigned short *keys) {
    using Sort = cub::BlockRadixSort<unsigned short, THREADS, ITEMS, cub::NullType, 3>;
    __shared__ Sort::TempStorage storage;
    unsigned short key[ITEMS];
    for (int k = 0; k < ITEMS; k++) key[k] = keys[threadIdx.x * ITEMS + k];
    Sort(storage).SortBlockedToStriped(key, 4, 11);
    for (int k = 0; k < ITEMS; k++) keys[k * THREADS + threadIdx.x] = key[k];
}

struct ByLastDigit {
    __device__ bool operator()(int a, int b) const { return a % 10 < b % 10; }
};

extern "C" __global__ void merge(int *keys, int valid) {
    using Sort = cub::BlockMergeSort<int, THREADS, ITEMS>;
    __shared__ Sort::TempStorage storage;
    int key[ITEMS];
    for (int k = 0; k < ITEMS; k++) key[k] = keys[threadIdx.x * ITEMS + k];
    Sort(storage).StableSort(key, ByLastDigit{}, valid, 9);
    for (int k = 0; k < ITEMS; k++) keys[threadIdx.x * ITEMS + k] = key[k];
}
