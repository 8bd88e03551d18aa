// cuda::pipeline and memcpy_async: of threads and of blocks, in stages, with shapes and alignments that differ.
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cuda/barrier>
#include <cuda/pipeline>
#include <cuda_pipeline.h>

namespace cg = cooperative_groups;

// Every thread brings its own elements, two batches ahead.
extern "C" __global__ void of_threads(float *out, const float *in, int batches) {
    __shared__ float room[3][64];
    auto pipe = cuda::make_pipeline();
    int t = threadIdx.x;
    const float *mine = in + blockIdx.x * batches * 64;
    int ahead = 0;
    float sum = 0;
    for (int batch = 0; batch < batches; batch++) {
        for (; ahead < batches && ahead < batch + 2; ahead++) {
            pipe.producer_acquire();
            cuda::memcpy_async(&room[ahead % 3][t], &mine[ahead * 64 + t], sizeof(float), pipe);
            pipe.producer_commit();
        }
        if (batch + 1 < batches) cuda::pipeline_consumer_wait_prior<1>(pipe);
        else cuda::pipeline_consumer_wait_prior<0>(pipe);
        __syncthreads();
        sum = sum * 0.5f + room[batch % 3][63 - t];
        __syncthreads();
        pipe.consumer_release();
    }
    out[blockIdx.x * 64 + t] = sum;
}

// The whole block is one pipeline with its state in shared memory.
extern "C" __global__ void of_a_block(int *out, const int *in, int batches) {
    constexpr int STAGES = 2;
    __shared__ int room[STAGES][128];
    __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, STAGES> state;
    auto block = cg::this_thread_block();
    auto pipe = cuda::make_pipeline(block, &state);
    int sum = 0;
    for (int batch = 0, ahead = 0; batch < batches; batch++) {
        for (; ahead < batches && ahead < batch + STAGES; ahead++) {
            pipe.producer_acquire();
            cuda::memcpy_async(block, room[ahead % STAGES], in + ahead * 128, cuda::aligned_size_t<16>(128 * sizeof(int)), pipe);
            pipe.producer_commit();
        }
        pipe.consumer_wait();
        sum += room[batch % STAGES][(threadIdx.x * 7 + batch) % 128] * (batch + 1);
        pipe.consumer_release();
    }
    out[threadIdx.x] = sum;
}

// One warp brings, the others use.
extern "C" __global__ void of_roles(int *out, const int *in, int batches) {
    constexpr int STAGES = 2;
    __shared__ int room[STAGES][32];
    __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, STAGES> state;
    auto block = cg::this_thread_block();
    auto role = threadIdx.x < 32 ? cuda::pipeline_role::producer : cuda::pipeline_role::consumer;
    auto pipe = cuda::make_pipeline(block, &state, role);
    int sum = 0;
    for (int batch = 0; batch < batches; batch++) {
        if (role == cuda::pipeline_role::producer) {
            pipe.producer_acquire();
            cuda::memcpy_async(&room[batch % STAGES][threadIdx.x], &in[batch * 32 + threadIdx.x], sizeof(int), pipe);
            pipe.producer_commit();
        } else {
            pipe.consumer_wait();
            for (int i = 0; i < 32; i++) sum += room[batch % STAGES][i] * (i ^ static_cast<int>(threadIdx.x));
            pipe.consumer_release();
        }
    }
    out[threadIdx.x] = sum;
}

extern "C" __global__ void primitives(double *out, const double *in, const char *letters, int n) {
    __shared__ __align__(16) double room[64];
    __shared__ char text[64];
    int t = threadIdx.x;
    __pipeline_memcpy_async(&room[t], &in[t], 8, t < n ? 0 : 8);
    __pipeline_commit();
    __pipeline_wait_prior(0);
    auto block = cg::this_thread_block();
    cg::memcpy_async(block, text, letters, 64);
    cg::wait(block);
    out[t] = room[63 - t] + text[t];
}
