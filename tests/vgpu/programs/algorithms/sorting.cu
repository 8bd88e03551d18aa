// Sorting by hand: a bitonic network in shared memory, one in registers of a warp, odd-even, and the top k of rows.

extern "C" __global__ void bitonic(int *values) {
    __shared__ int room[512];
    int i = threadIdx.x;
    room[i] = values[i];
    room[i + 256] = values[i + 256];
    for (int size = 2; size <= 512; size *= 2)
        for (int stride = size / 2; stride > 0; stride /= 2) {
            __syncthreads();
            int at = 2 * i - (i & (stride - 1));
            bool up = (at & size) == 0;
            int a = room[at], b = room[at + stride];
            if ((a > b) == up) room[at] = b, room[at + stride] = a;
        }
    __syncthreads();
    values[i] = room[i];
    values[i + 256] = room[i + 256];
}

extern "C" __global__ void in_warp(unsigned long long *values) {
    int lane = threadIdx.x % 32;
    unsigned long long value = values[blockIdx.x * blockDim.x + threadIdx.x];
    for (int size = 2; size <= 32; size *= 2)
        for (int stride = size / 2; stride > 0; stride /= 2) {
            unsigned long long other = __shfl_xor_sync(~0u, value, stride);
            bool keep_less = ((lane & stride) == 0) == ((lane & size) == 0 || size == 32);
            value = keep_less == (other < value) ? other : value;
        }
    values[blockIdx.x * blockDim.x + threadIdx.x] = value;
}

extern "C" __global__ void odd_even(float *values, int n) {
    __shared__ bool changed;
    do {
        __syncthreads();
        if (threadIdx.x == 0) changed = false;
        __syncthreads();
        for (int phase = 0; phase < 2; phase++) {
            int at = 2 * threadIdx.x + phase;
            if (at + 1 < n && values[at] > values[at + 1]) {
                float kept = values[at];
                values[at] = values[at + 1];
                values[at + 1] = kept;
                changed = true;
            }
            __syncthreads();
        }
    } while (changed);
}

// The k largest of each row with their places: every thread keeps its own, a warp merges them.
template <int K> __global__ void top_k(float *best, int *places, const float *in, int cols) {
    const float *row = in + blockIdx.x * cols;
    float mine[K];
    int where[K];
    for (int k = 0; k < K; k++) mine[k] = -INFINITY, where[k] = cols;
    for (int i = threadIdx.x; i < cols; i += 32) {
        float value = row[i];
        if (value <= mine[K - 1]) continue;
        int k = K - 1;
        for (; k > 0 && mine[k - 1] < value; k--) mine[k] = mine[k - 1], where[k] = where[k - 1];
        mine[k] = value, where[k] = i;
    }
    int head = 0;
    for (int k = 0; k < K; k++) {
        float value = head < K ? mine[head] : -INFINITY;
        int place = head < K ? where[head] : cols, lane = threadIdx.x;
        for (int step = 16; step > 0; step /= 2) {
            float other = __shfl_xor_sync(~0u, value, step);
            int other_place = __shfl_xor_sync(~0u, place, step), other_lane = __shfl_xor_sync(~0u, lane, step);
            if (other > value || (other == value && other_place < place)) value = other, place = other_place, lane = other_lane;
        }
        if (lane == threadIdx.x) {
            head++;
            best[blockIdx.x * K + k] = value;
            places[blockIdx.x * K + k] = place;
        }
    }
}

template __global__ void top_k<4>(float *, int *, const float *, int);
