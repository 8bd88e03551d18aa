// cuda::atomic_ref and cuda::atomic: orders and scopes, fetch operations, compare-exchange, waiting for a flag.
#include <cuda/atomic>

extern "C" __global__ void operations(int *cells, unsigned long long *wide, float *real, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    cuda::atomic_ref<int, cuda::thread_scope_device> sum(cells[0]), least(cells[1]), bits(cells[2]), most(cells[3]);
    sum.fetch_add(i, cuda::memory_order_relaxed);
    least.fetch_min(-i, cuda::memory_order_acq_rel);
    bits.fetch_or(1 << i % 30);
    int seen = most.load(cuda::memory_order_acquire);
    while (seen < i * 7 % 83 && !most.compare_exchange_weak(seen, i * 7 % 83)) {}
    cuda::atomic_ref<unsigned long long> total(wide[0]);
    total += i * 1000000007ull;
    cuda::atomic_ref<float, cuda::thread_scope_device>(real[0]).fetch_add(0.5f);
}

struct Pair {
    int first, second;
};

extern "C" __global__ void pairs(Pair *out, int n) {
    int i = threadIdx.x;
    cuda::atomic_ref<Pair, cuda::thread_scope_block> pair(*out);
    Pair seen = pair.load(), wanted;
    do wanted = {seen.first + 1, seen.second + i};
    while (!pair.compare_exchange_strong(seen, wanted));
}

// The first warp hands a value on to each other warp through flags.
extern "C" __global__ void pass_on(int *out) {
    __shared__ cuda::atomic<int, cuda::thread_scope_block> flags[8];
    __shared__ int values[8];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    if (threadIdx.x < 8) new (&flags[threadIdx.x]) cuda::atomic<int, cuda::thread_scope_block>(0);
    __syncthreads();
    if (lane == 0) {
        if (warp > 0)
            while (flags[warp - 1].load(cuda::memory_order_acquire) == 0) {}
        values[warp] = warp == 0 ? 5 : values[warp - 1] * 3 + warp;
        flags[warp].store(1, cuda::memory_order_release);
        out[warp] = values[warp];
    }
}
