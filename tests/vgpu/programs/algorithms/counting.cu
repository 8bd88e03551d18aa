// Histograms: with global atomics, private to blocks, private to warps, and of keys with weights.

extern "C" __global__ void by_global_atomics(unsigned *counts, const unsigned char *in, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&counts[in[i]], 1u);
}

extern "C" __global__ void by_blocks(unsigned *counts, const unsigned char *in, int n) {
    __shared__ unsigned mine[256];
    for (int bin = threadIdx.x; bin < 256; bin += blockDim.x) mine[bin] = 0;
    __syncthreads();
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&mine[in[i]], 1u);
    __syncthreads();
    for (int bin = threadIdx.x; bin < 256; bin += blockDim.x)
        if (mine[bin]) atomicAdd(&counts[bin], mine[bin]);
}

extern "C" __global__ void by_matching(unsigned *counts, const unsigned char *in, int n) {
    for (int first = blockIdx.x * blockDim.x; first < n; first += gridDim.x * blockDim.x) {
        int i = first + threadIdx.x;
        unsigned active = __ballot_sync(~0u, i < n);
        if (i < n) {
            unsigned same = __match_any_sync(active, static_cast<unsigned>(in[i]));
            if (threadIdx.x % 32 == __ffs(same) - 1) atomicAdd(&counts[in[i]], static_cast<unsigned>(__popc(same)));
        }
    }
}

// Counting sort: counts, their prefix sums, then each thread places its run of the input, in order.
extern "C" __global__ void counting_sort(unsigned char *out, const unsigned char *in, int n) {
    __shared__ unsigned short counts[16][64];
    int t = threadIdx.x, run = (n + 63) / 64, first = t * run, last = min(first + run, n);
    for (int key = 0; key < 16; key++) counts[key][t] = 0;
    for (int i = first; i < last; i++) counts[in[i]][t]++;
    __syncthreads();
    if (t == 0) {
        unsigned sum = 0;
        for (int key = 0; key < 16; key++)
            for (int k = 0; k < 64; k++) {
                unsigned here = counts[key][k];
                counts[key][k] = sum;
                sum += here;
            }
    }
    __syncthreads();
    for (int i = first; i < last; i++) out[counts[in[i]][t]++] = in[i];
}
