// CUB's other block-wide pieces: histogram, exchange, shuffle, discontinuity, adjacent difference, run-length decode.
#include <cub/block/block_adjacent_difference.cuh>
#include <cub/block/block_discontinuity.cuh>
#include <cub/block/block_exchange.cuh>
#include <cub/block/block_histogram.cuh>
#include <cub/block/block_run_length_decode.cuh>
#include <cub/block/block_shuffle.cuh>

constexpr int THREADS = 64, ITEMS = 3;

template <int Algorithm> __global__ void histogram(unsigned *out, const unsigned char *in) {
    using Histogram = cub::BlockHistogram<unsigned char, THREADS, ITEMS, 32, static_cast<cub::BlockHistogramAlgorithm>(Algorithm)>;
    __shared__ typename Histogram::TempStorage storage;
    __shared__ unsigned counts[32];
    unsigned char items[ITEMS];
    for (int k = 0; k < ITEMS; k++) items[k] = in[threadIdx.x * ITEMS + k];
    Histogram(storage).Histogram(items, counts);
    __syncthreads();
    for (int k = 0; k < ITEMS; k++) items[k] = in[THREADS * ITEMS + threadIdx.x * ITEMS + k];
    Histogram(storage).Composite(items, counts);
    __syncthreads();
    if (threadIdx.x < 32) out[threadIdx.x] = counts[threadIdx.x];
}

template __global__ void histogram<cub::BLOCK_HISTO_ATOMIC>(unsigned *, const unsigned char *);
template __global__ void histogram<cub::BLOCK_HISTO_SORT>(unsigned *, const unsigned char *);

extern "C" __global__ void neighbours(int *out, const int *in) {
    int *row = out + threadIdx.x * 6 * ITEMS, items[ITEMS], results[ITEMS];
    for (int k = 0; k < ITEMS; k++) items[k] = in[threadIdx.x * ITEMS + k];

    using Discontinuity = cub::BlockDiscontinuity<int, THREADS>;
    __shared__ Discontinuity::TempStorage heads;
    Discontinuity(heads).FlagHeads(results, items, cuda::std::not_equal_to<>{});
    for (int k = 0; k < ITEMS; k++) row[k] = results[k];
    __syncthreads();
    Discontinuity(heads).FlagTails(results, items, cuda::std::not_equal_to<>{}, 5);
    for (int k = 0; k < ITEMS; k++) row[ITEMS + k] = results[k];

    using Difference = cub::BlockAdjacentDifference<int, THREADS>;
    __shared__ Difference::TempStorage differences;
    Difference(differences).SubtractLeft(items, results, cuda::std::minus<>{}, 3);
    for (int k = 0; k < ITEMS; k++) row[2 * ITEMS + k] = results[k];

    using Exchange = cub::BlockExchange<int, THREADS, ITEMS>;
    __shared__ Exchange::TempStorage exchange;
    Exchange(exchange).BlockedToStriped(items, results);
    for (int k = 0; k < ITEMS; k++) row[3 * ITEMS + k] = results[k];
    __syncthreads();
    int ranks[ITEMS];
    for (int k = 0; k < ITEMS; k++) ranks[k] = (threadIdx.x * ITEMS + k) * 5 % (THREADS * ITEMS);
    Exchange(exchange).ScatterToBlocked(items, results, ranks);
    for (int k = 0; k < ITEMS; k++) row[4 * ITEMS + k] = results[k];

    using Shuffle = cub::BlockShuffle<int, THREADS>;
    __shared__ Shuffle::TempStorage shuffle;
    Shuffle(shuffle).Up(items, results);
    for (int k = 0; k < ITEMS; k++) row[5 * ITEMS + k] = threadIdx.x + k > 0 ? results[k] : -1;
}

extern "C" __global__ void decode(int *out, const int *values, const int *lengths, int total) {
    using Decode = cub::BlockRunLengthDecode<int, THREADS, 1, 4>;
    __shared__ Decode::TempStorage storage;
    int value[1] = {values[threadIdx.x]}, length[1] = {lengths[threadIdx.x]}, size;
    Decode decode(storage, value, length, size);
    for (int first = 0; first < size; first += 4 * THREADS) {
        int items[4];
        decode.RunLengthDecode(items, first);
        for (int k = 0; k < 4; k++) {
            int at = first + threadIdx.x * 4 + k;
            if (at < size) out[at] = items[k];
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) out[total] = size;
}
