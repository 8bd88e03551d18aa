// A sum in the seven classic steps, from interleaved addressing to several elements a thread with unrolled warps.

template <int Step> __device__ void in_shared(int *room, int i) {
    if (Step == 1) {  // interleaved, divergent
        for (int s = 1; s < blockDim.x; s *= 2) {
            if (i % (2 * s) == 0) room[i] += room[i + s];
            __syncthreads();
        }
    } else if (Step == 2) {  // interleaved, strided
        for (int s = 1; s < blockDim.x; s *= 2) {
            int at = 2 * s * i;
            if (at < blockDim.x) room[at] += room[at + s];
            __syncthreads();
        }
    } else if (Step <= 4) {  // sequential
        for (int s = blockDim.x / 2; s > 0; s >>= 1) {
            if (i < s) room[i] += room[i + s];
            __syncthreads();
        }
    } else {  // the last warp alone
        for (int s = blockDim.x / 2; s > 32; s >>= 1) {
            if (i < s) room[i] += room[i + s];
            __syncthreads();
        }
        if (i < 32) {
            volatile int *shared = room;
#pragma unroll
            for (int s = 32; s > 0; s >>= 1) {
                int value = shared[i] + shared[i + s];
                __syncwarp();
                shared[i] = value;
                __syncwarp();
            }
        }
    }
}

template <int Step> __global__ void reduce(int *out, const int *in, int n) {
    __shared__ int room[256 + 32];
    int i = threadIdx.x, sum = 0;
    if (i < 32) room[256 + i] = 0;
    if (Step < 4) {
        int at = blockIdx.x * blockDim.x + i;
        sum = at < n ? in[at] : 0;
    } else if (Step < 6) {  // add while loading
        int at = blockIdx.x * 2 * blockDim.x + i;
        sum = (at < n ? in[at] : 0) + (at + blockDim.x < n ? in[at + blockDim.x] : 0);
    } else {
        for (int at = blockIdx.x * blockDim.x + i; at < n; at += gridDim.x * blockDim.x) sum += in[at];
    }
    room[i] = sum;
    __syncthreads();
    in_shared<Step>(room, i);
    if (Step == 7) {  // and by shuffles
        __syncthreads();
        room[i] = sum;
        for (int s = 16; s > 0; s >>= 1) sum += __shfl_down_sync(~0u, sum, s);
        __shared__ int warps[8];
        if (i % 32 == 0) warps[i / 32] = sum;
        __syncthreads();
        if (i < 8) {
            sum = warps[i];
            for (int s = 4; s > 0; s >>= 1) sum += __shfl_down_sync(0xff, sum, s);
        }
        if (i == 0) out[blockIdx.x] = sum;
    } else if (i == 0) {
        out[blockIdx.x] = room[0];
    }
}

template __global__ void reduce<1>(int *, const int *, int);
template __global__ void reduce<2>(int *, const int *, int);
template __global__ void reduce<3>(int *, const int *, int);
template __global__ void reduce<4>(int *, const int *, int);
template __global__ void reduce<5>(int *, const int *, int);
template __global__ void reduce<6>(int *, const int *, int);
template __global__ void reduce<7>(int *, const int *, int);
