// Shuffles in all modes, widths and types, by distances known and unknown to the compiler.
#include <cuda_fp16.h>

extern "C" __global__ void modes(int *out, int distance) {
    int lane = threadIdx.x, value = lane * lane + 3, *row = out + lane;
    row[0 * 32] = __shfl_sync(~0u, value, 5);
    row[1 * 32] = __shfl_sync(~0u, value, lane * 7, 8);
    row[2 * 32] = __shfl_up_sync(~0u, value, 3);
    row[3 * 32] = __shfl_up_sync(~0u, value, distance, 16);
    row[4 * 32] = __shfl_down_sync(~0u, value, 1, 4);
    row[5 * 32] = __shfl_down_sync(~0u, value, distance);
    row[6 * 32] = __shfl_xor_sync(~0u, value, 9);
    row[7 * 32] = __shfl_xor_sync(~0u, value, distance, 8);
    row[8 * 32] = __shfl_sync(~0u, value, 31 - lane);
    row[9 * 32] = __shfl_sync(~0u, value, -1);
}

extern "C" __global__ void types(double *d, long long *l, __half2 *h, unsigned *u) {
    int lane = threadIdx.x;
    d[lane] = __shfl_xor_sync(~0u, lane * 1.5, 17);
    l[lane] = __shfl_down_sync(~0u, lane * -10000000000ll, 2);
    h[lane] = __shfl_up_sync(~0u, __floats2half2_rn(lane, -lane), 1);
    u[lane] = __shfl_sync(~0u, 0xF0000000u + lane, (lane + 8) % 32);
}

// A scan and a reduction that every second half-warp does apart.
extern "C" __global__ void divergent(int *out) {
    int lane = threadIdx.x % 32, value = threadIdx.x + 1;
    if (lane < 16) {
        for (int step = 1; step < 16; step *= 2) {
            int other = __shfl_up_sync(0x0000ffff, value, step, 16);
            if (lane >= step) value += other;
        }
    } else {
        for (int step = 8; step; step /= 2) value += __shfl_xor_sync(0xffff0000, value, step, 16);
    }
    out[threadIdx.x] = value;
}
