// Locks: by spinning lanes of one warp, with tickets in order, and the last block that finishes a sum.

__device__ unsigned lock_word, next_ticket, now_serving, finished;

extern "C" __global__ void spin(int *balance, int *history) {
    bool done = false;
    while (!done) {
        if (atomicCAS(&lock_word, 0, 1) == 0) {
            __threadfence();
            volatile int *amount = balance;
            int before = *amount;
            history[before] = 1;
            *amount = before + 1;
            __threadfence();
            atomicExch(&lock_word, 0);
            done = true;
        }
    }
}

extern "C" __global__ void tickets(int *balance, unsigned *order) {
    if (threadIdx.x % 8) return;
    unsigned mine = atomicAdd(&next_ticket, 1);
    while (atomicAdd(&now_serving, 0) != mine) __nanosleep(20);
    order[*balance] = mine;
    *balance += 1;
    __threadfence();
    atomicAdd(&now_serving, 1);
}

extern "C" __global__ void last_block_sums(int *partial, int *total, const int *in, int n) {
    __shared__ int sum;
    __shared__ bool last;
    if (threadIdx.x == 0) sum = 0;
    __syncthreads();
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&sum, in[i]);
    __syncthreads();
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = sum;
        __threadfence();
        last = atomicInc(&finished, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (last && threadIdx.x == 0) {
        int all = 0;
        for (int block = 0; block < gridDim.x; block++) all += static_cast<volatile int *>(partial)[block];
        *total = all;
    }
}
