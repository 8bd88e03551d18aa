// cuda::barrier, latches and semaphores: split arrival, completion functions, fewer arrivals, copies that arrive.
#include <cooperative_groups.h>
#include <cuda/barrier>
#include <cuda/latch>
#include <cuda/semaphore>

namespace cg = cooperative_groups;
using barrier = cuda::barrier<cuda::thread_scope_block>;

extern "C" __global__ void split(int *out, int rounds) {
    __shared__ int room[64];
#pragma nv_diag_suppress static_var_with_dynamic_init
    __shared__ barrier full, empty;
    int t = threadIdx.x, sum = 0;
    if (t == 0) {
        init(&full, 64);
        init(&empty, 64);
    }
    __syncthreads();
    for (int round = 0; round < rounds; round++) {
        room[t] = t * round;
        auto token = full.arrive();
        int own = t ^ round;
        full.wait(cuda::std::move(token));
        sum += room[63 - t] + own;
        empty.arrive_and_wait();
    }
    out[t] = sum;
}

// Warp 0 produces; 32 arrivals are expected from it and 64 from the consumers.
extern "C" __global__ void producers(int *out, int rounds) {
    __shared__ int room[2][32];
    __shared__ barrier ready[2], filled[2];
    int t = threadIdx.x;
    if (t < 4) init(t < 2 ? &ready[t] : &filled[t - 2], 96);
    __syncthreads();
    if (t < 32) {
        for (int round = 0; round < rounds; round++) {
            ready[round % 2].arrive_and_wait();
            room[round % 2][t] = t + round * 100;
            (void)filled[round % 2].arrive();
        }
    } else {
        (void)ready[0].arrive();
        (void)ready[1].arrive();
        int sum = 0;
        for (int round = 0; round < rounds; round++) {
            filled[round % 2].arrive_and_wait();
            for (int i = 0; i < 32; i++) sum += room[round % 2][i];
            (void)ready[round % 2].arrive();
        }
        out[t - 32] = sum;
    }
}

extern "C" __global__ void copies(float *out, const float *in) {
    __shared__ __align__(16) float room[256];
    __shared__ barrier arrived;
    auto block = cg::this_thread_block();
    if (block.thread_rank() == 0) init(&arrived, block.size());
    block.sync();
    cuda::memcpy_async(block, room, in + blockIdx.x * 256, sizeof room, arrived);
    arrived.arrive_and_wait();
    for (int i = threadIdx.x; i < 256; i += block.size()) out[blockIdx.x * 256 + i] = room[255 - i] * 2;
}

extern "C" __global__ void latches(int *out) {
    using latch = cuda::latch<cuda::thread_scope_block>;
    __shared__ alignas(latch) unsigned char storage[sizeof(latch)];
    __shared__ int values[96];
    latch &done = reinterpret_cast<latch &>(storage);
    if (threadIdx.x == 0) new (&done) latch(blockDim.x);
    __syncthreads();
    values[threadIdx.x] = threadIdx.x * 3;
    done.arrive_and_wait();
    out[threadIdx.x] = values[blockDim.x - 1 - threadIdx.x];
}

// At most two threads at a time are inside; one at a time writes.
extern "C" __global__ void semaphores(int *inside, int *most, int *total) {
    __shared__ cuda::counting_semaphore<cuda::thread_scope_block, 2> two;
    __shared__ cuda::binary_semaphore<cuda::thread_scope_block> one;
    if (threadIdx.x == 0) {
        new (&two) cuda::counting_semaphore<cuda::thread_scope_block, 2>(2);
        new (&one) cuda::binary_semaphore<cuda::thread_scope_block>(1);
    }
    __syncthreads();
    if (threadIdx.x % 8 == 0) {
        two.acquire();
        atomicMax(most, atomicAdd(inside, 1) + 1);
        one.acquire();
        *total += threadIdx.x;
        __threadfence_block();
        one.release();
        atomicSub(inside, 1);
        two.release();
    }
}
