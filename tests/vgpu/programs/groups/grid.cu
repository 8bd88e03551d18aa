// Barriers of the whole grid: a sum in one launch, and steps of a cellular automaton between global buffers.
#include <cooperative_groups.h>

namespace cg = cooperative_groups;

extern "C" __global__ void sum(int *partial, int *out, const int *in, int n) {
    cg::grid_group grid = cg::this_grid();
    int mine = 0;
    for (int i = grid.thread_rank(); i < n; i += grid.num_threads()) mine += in[i];
    partial[grid.thread_rank()] = mine;
    for (int step = grid.num_threads() / 2; step > 0; step /= 2) {
        grid.sync();
        if (grid.thread_rank() < step) partial[grid.thread_rank()] += partial[grid.thread_rank() + step];
    }
    grid.sync();
    out[blockIdx.x] = partial[0] * 10 + grid.is_valid();
}

extern "C" __global__ void rule_110(unsigned char *a, unsigned char *b, int n, int steps) {
    auto grid = cg::this_grid();
    for (int step = 0; step < steps; step++) {
        for (int i = grid.thread_rank(); i < n; i += grid.size()) {
            int key = (i > 0 ? a[i - 1] : 0) * 4 + a[i] * 2 + (i + 1 < n ? a[i + 1] : 0);
            b[i] = 110 >> key & 1;
        }
        grid.sync();
        unsigned char *kept = a;
        a = b;
        b = kept;
    }
}
