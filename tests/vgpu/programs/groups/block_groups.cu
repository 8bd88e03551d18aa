// The block as a group: ranks and dimensions in three dimensions, sync, a reduction in two levels, invoke_one.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>

namespace cg = cooperative_groups;

__device__ int sum_of(const cg::thread_group &group, int *room, int value) {
    int rank = group.thread_rank();
    for (int step = group.size() / 2; step > 0; step /= 2) {
        room[rank] = value;
        group.sync();
        if (rank < step) value += room[rank + step];
        group.sync();
    }
    return value;
}

extern "C" __global__ void block(int *out, int *sum) {
    auto block = cg::this_thread_block();
    __shared__ int partial[32], room[128];
    dim3 index = block.thread_index(), group = block.group_index(), dim = block.dim_threads();
    int rank = block.thread_rank(), all = block.num_threads();
    out[(group.x * all + rank) * 2] = index.x + 10 * index.y + 100 * index.z + 1000 * dim.x + 10000 * dim.y;
    auto warp = cg::tiled_partition<32>(block);
    int part = cg::reduce(warp, rank + static_cast<int>(group.x), cg::plus<int>());
    if (warp.thread_rank() == 0) partial[warp.meta_group_rank()] = part;
    block.sync();
    if (warp.meta_group_rank() == 0) {
        int value = warp.thread_rank() < warp.meta_group_size() ? partial[warp.thread_rank()] : 0;
        value = cg::reduce(warp, value, cg::plus<int>());
        if (warp.thread_rank() == 0) partial[0] = value;
    }
    cg::sync(block);
    out[(group.x * all + rank) * 2 + 1] = partial[0];
    int generic = sum_of(block, room, rank);
    if (rank == 0) atomicAdd(sum, generic);
    auto four = cg::tiled_partition(block, 4);
    int small = sum_of(four, room + rank / 4 * 4, 1);
    if (four.thread_rank() == 0) atomicAdd(sum, small);
}

extern "C" __global__ void split_barrier(int *out) {
    __shared__ int values[64];
    auto block = cg::this_thread_block();
    int i = threadIdx.x;
    values[i] = i * i;
    auto token = block.barrier_arrive();
    int own = i * 3;
    block.barrier_wait(static_cast<decltype(token) &&>(token));
    out[i] = values[63 - i] + own;
}
