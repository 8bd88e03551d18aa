// Groups made at run time: coalesced threads, labeled and binary partitions, and what they have in common.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>

namespace cg = cooperative_groups;

extern "C" __global__ void coalesced(int *out, const int *in, int *counter) {
    int i = threadIdx.x, *row = out + 4 * i;
    if (in[i] % 3 == 0) {
        auto group = cg::coalesced_threads();
        int base = 0;
        if (group.thread_rank() == 0) base = atomicAdd(counter, group.num_threads());
        row[0] = group.shfl(base, 0) + group.thread_rank();
        row[1] = group.num_threads();
        row[2] = cg::reduce(group, in[i], cg::plus<int>());
        row[3] = group.shfl(in[i], group.num_threads() - 1);
    }
}

extern "C" __global__ void labeled(int *out, const int *in) {
    auto warp = cg::tiled_partition<32>(cg::this_thread_block());
    int i = threadIdx.x, *row = out + 6 * i;
    auto same = cg::labeled_partition(warp, in[i]);
    row[0] = same.thread_rank();
    row[1] = same.num_threads();
    row[2] = cg::reduce(same, i, cg::plus<int>());
    auto half = cg::binary_partition(warp, in[i] > 2);
    row[3] = half.num_threads();
    row[4] = half.thread_rank();
    row[5] = half.shfl(i, 0);
}
