// Votes, matches, reductions of a warp and its active mask, also inside branches and with partial warps.

extern "C" __global__ void votes(unsigned *out, const int *in) {
    int i = threadIdx.x, value = in[i];
    unsigned *row = out + 10 * i;
    row[0] = __ballot_sync(~0u, value > 3);
    row[1] = __any_sync(~0u, value == 5);
    row[2] = __all_sync(~0u, value >= 0);
    row[3] = __match_any_sync(~0u, value);
    row[4] = __match_any_sync(~0u, value * 10000000000ll);
    int same;
    row[5] = __match_all_sync(~0u, value / 100, &same) + same;
    row[6] = row[7] = row[8] = 0;
    if (value % 2) {
        row[6] = __ballot_sync(__activemask(), value > 4);
        row[7] = __match_any_sync(__activemask(), value);
    } else {
        row[8] = __popc(__activemask());
    }
    __syncwarp();
    unsigned below;
    asm("mov.u32 %0, %%lanemask_lt;" : "=r"(below));
    row[9] = __popc(row[0] & below);
}

extern "C" __global__ void aggregate(int *counter, int *out, const int *in, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n || in[i] <= 0) return;
    unsigned active = __activemask();
    int leader = __ffs(active) - 1, lane = threadIdx.x % 32, base = 0;
    if (lane == leader) base = atomicAdd(counter, __popc(active));
    base = __shfl_sync(active, base, leader);
    out[base + __popc(active & ((1u << lane) - 1))] = in[i];
}
