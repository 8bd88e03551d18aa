// Lanes of one warp that wait for each other: what independent thread scheduling has to get right.

// A chain: lane 31 starts, each lane waits for its right neighbour.
extern "C" __global__ void chain(int *out) {
    __shared__ volatile int ready[33];
    int lane = threadIdx.x;
    ready[lane] = 0;
    if (lane == 31) ready[32] = 1;
    __syncwarp();
    while (ready[lane + 1] == 0) {}
    out[lane] = ready[lane + 1];
    __threadfence_block();
    ready[lane] = ready[lane + 1] + 1;
}

// Two groups of lanes that meet at their own barriers, a different number of times.
extern "C" __global__ void apart(int *out, int *rounds) {
    __shared__ int left[16], right[16];
    int lane = threadIdx.x, sum = 0;
    if (lane < 16) {
        for (int round = 0; round < 5; round++) {
            left[lane] = round * 100 + lane;
            __syncwarp(0x0000ffff);
            sum += left[15 - lane];
            __syncwarp(0x0000ffff);
        }
    } else {
        for (int round = 0; round < 9; round++) {
            right[lane - 16] = round + lane;
            __syncwarp(0xffff0000);
            sum -= right[(lane + 3) % 16];
            __syncwarp(0xffff0000);
        }
    }
    out[lane] = sum;
    __syncthreads();
    if (lane == 0) *rounds = left[3] + right[3];
}

// A producer lane and consumer lanes.
extern "C" __global__ void produce(int *out) {
    __shared__ volatile int box, taken;
    int lane = threadIdx.x;
    if (lane == 0) box = taken = 0;
    __syncwarp();
    if (lane == 0) {
        for (int item = 1; item < 32; item++) {
            while (taken != item - 1) {}
            box = item;
        }
    } else {
        while (box != lane) {}
        out[lane] = box * 10;
        taken = lane;
    }
}
