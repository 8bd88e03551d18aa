// Cooperative groups: tiles of every size, with their shuffles, votes, reductions and scans.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>

namespace cg = cooperative_groups;

template <int Size> __device__ void tile(int *out, int value) {
    auto tile = cg::tiled_partition<Size>(cg::this_thread_block());
    int *row = out + 10 * cg::this_thread_block().thread_rank();
    row[0] = tile.thread_rank() + 100 * tile.meta_group_rank() + 10000 * tile.meta_group_size();
    row[1] = tile.shfl(value, Size / 2);
    row[2] = tile.shfl_down(value, 1);
    row[3] = tile.shfl_xor(value, Size / 2);
    row[4] = tile.ballot(value & 1);
    row[5] = tile.any(value > 90) + 2 * tile.all(value < 95);
    row[6] = cg::reduce(tile, value, cg::plus<int>());
    row[7] = cg::reduce(tile, value, cg::greater<int>());
    row[8] = cg::inclusive_scan(tile, value);
    row[9] = cg::exclusive_scan(tile, value, cg::plus<int>());
    tile.sync();
}

template <int Size> __global__ void tiles(int *out, const int *in) { tile<Size>(out, in[threadIdx.x]); }

template __global__ void tiles<2>(int *, const int *);
template __global__ void tiles<8>(int *, const int *);
template __global__ void tiles<32>(int *, const int *);

// Tiles that take different branches, and reduce what is no plain sum.
extern "C" __global__ void apart(float *out, const float *in) {
    auto tile = cg::tiled_partition<8>(cg::this_thread_block());
    int i = threadIdx.x;
    float value = in[i], result;
    if (tile.meta_group_rank() % 3 == 0) {
        result = cg::reduce(tile, value, cg::plus<float>());
    } else if (tile.meta_group_rank() % 3 == 1) {
        result = cg::reduce(tile, value, [](float a, float b) { return fmaxf(a, b); });
    } else {
        result = 0;
        for (int k = 0; k < 8; k++) result = result * 0.5f + tile.shfl(value, k);
    }
    out[i] = result;
}
