// Integer atomics of 32 and 64 bits in global and shared memory: every operation, with the values that they return.

extern "C" __global__ void global_all(int *cells, unsigned *wrapped, long long *wide, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    atomicAdd(&cells[0], i);
    atomicSub(&cells[1], i);
    atomicMin(&cells[2], 1000 - 7 * i);
    atomicMax(&cells[3], i * 31 % 101);
    atomicAnd(&cells[4], ~(1 << i % 20));
    atomicOr(&cells[5], 1 << i % 25);
    atomicXor(&cells[6], i * 0x9E3779B1);
    atomicInc(&wrapped[0], 9);
    atomicDec(&wrapped[1], 12);
    atomicMin(&wrapped[2], 0xF0000000u - i);
    atomicMax(&wrapped[3], 0x80000000u + i);
    atomicAdd(reinterpret_cast<unsigned long long *>(&wide[0]), i * 10000000000ull);
    atomicMin(&wide[1], -10000000000ll * i);
    atomicMax(reinterpret_cast<unsigned long long *>(&wide[2]), 1ull << 63 | i);
    atomicXor(reinterpret_cast<unsigned long long *>(&wide[3]), i * 0x9E3779B97F4A7C15ull);
    atomicAnd(reinterpret_cast<unsigned long long *>(&wide[4]), ~(1ull << i % 50));
}

// Tickets: the returned values are all different.
extern "C" __global__ void tickets(int *next, int *owner, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) owner[atomicAdd(next, 1)] = i;
}

extern "C" __global__ void shared_all(int *out, const int *in, int n) {
    __shared__ int cells[5];
    __shared__ unsigned long long wide[2];
    int i = threadIdx.x;
    if (i < 5) cells[i] = i == 1 ? 1 << 30 : 0;
    if (i < 2) wide[i] = 0;
    __syncthreads();
    for (int k = i; k < n; k += blockDim.x) {
        atomicAdd(&cells[0], in[k]);
        atomicMin(&cells[1], in[k]);
        if (in[k] & 1) atomicAdd_block(&cells[2], 1);
        atomicExch(&cells[3], in[k] * 0 + 17);
        atomicCAS(&cells[4], 0, 23);
        atomicAdd(&wide[0], static_cast<unsigned long long>(in[k]) << 20);
        atomicMax(&wide[1], static_cast<unsigned long long>(in[k]) << 33);
    }
    __syncthreads();
    if (i < 5) out[i] = cells[i];
    if (i < 4) out[5 + i] = reinterpret_cast<int *>(wide)[i];
}
