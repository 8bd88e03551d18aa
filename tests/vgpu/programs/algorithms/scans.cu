// Prefix sums by hand: Hillis and Steele, Blelloch, warps and shuffles; and a compaction that uses one.

extern "C" __global__ void hillis_steele(int *out, const int *in) {
    __shared__ int room[2][256];
    int i = threadIdx.x, from = 0;
    room[0][i] = in[i];
    __syncthreads();
    for (int step = 1; step < 256; step *= 2) {
        room[1 - from][i] = room[from][i] + (i >= step ? room[from][i - step] : 0);
        from = 1 - from;
        __syncthreads();
    }
    out[i] = room[from][i];
}

extern "C" __global__ void blelloch(int *out, const int *in) {
    __shared__ int room[512];
    int i = threadIdx.x;
    room[2 * i] = in[2 * i];
    room[2 * i + 1] = in[2 * i + 1];
    int step = 1;
    for (int pairs = 256; pairs > 0; pairs >>= 1, step *= 2) {
        __syncthreads();
        if (i < pairs) room[step * (2 * i + 2) - 1] += room[step * (2 * i + 1) - 1];
    }
    if (i == 0) room[511] = 0;
    for (int pairs = 1; pairs < 512; pairs *= 2) {
        step >>= 1;
        __syncthreads();
        if (i < pairs) {
            int left = step * (2 * i + 1) - 1, right = step * (2 * i + 2) - 1, kept = room[left];
            room[left] = room[right];
            room[right] += kept;
        }
    }
    __syncthreads();
    out[2 * i] = room[2 * i];
    out[2 * i + 1] = room[2 * i + 1];
}

__device__ int warp_scan(int value) {
    for (int step = 1; step < 32; step *= 2) {
        int other = __shfl_up_sync(~0u, value, step);
        if (threadIdx.x % 32 >= step) value += other;
    }
    return value;
}

__device__ int block_scan(int value, int *total) {
    __shared__ int warps[32];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, sum = warp_scan(value);
    if (lane == 31) warps[warp] = sum;
    __syncthreads();
    if (warp == 0) warps[lane] = warp_scan(lane < blockDim.x / 32 ? warps[lane] : 0);
    __syncthreads();
    int before = warp ? warps[warp - 1] : 0;
    *total = warps[blockDim.x / 32 - 1];
    __syncthreads();
    return sum + before;
}

extern "C" __global__ void compact(int *out, int *count, const int *in, int n) {
    int done = 0, total;
    for (int first = 0; first < n; first += blockDim.x) {
        int i = first + threadIdx.x, keep = i < n && in[i] % 3 == 1;
        int place = block_scan(keep, &total);
        if (keep) out[done + place - 1] = in[i];
        done += total;
    }
    if (threadIdx.x == 0) *count = done;
}
