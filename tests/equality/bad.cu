// Kernels with the mistakes that guards are there for. Each gives the right answer in the order that is tried first.

// out = x, but what a block adds in its last bit depends on how many blocks came before it.
__global__ void counts_tickets(float* out, const float* x, int* tickets, int n)
{
    __shared__ int ticket;
    if (threadIdx.x == 0) {
        ticket = atomicAdd(tickets, 1);
    }
    __syncthreads();
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        out[i] = __int_as_float(__float_as_int(x[i]) + (ticket == blockIdx.x));
    }
}

// out = x of the neighbour warp, through shared memory, without the barrier.
__global__ void has_no_barrier(float* out, const float* x, int n)
{
    __shared__ volatile float held[256];
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    held[threadIdx.x] = x[i];
    out[i] = held[threadIdx.x ^ 32];
}

// A maximum that starts from shared memory that nothing has written: NaN loses against any number.
__global__ void reads_unwritten(float* out, const float* x, int n)
{
    __shared__ volatile float start[1];
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        out[i] = fmaxf(start[0], x[i]);
    }
}

// One element too many.
__global__ void writes_behind(float* out, const float* x, int n)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i <= n) {
        out[i] = x[i < n ? i : 0];
    }
}

// 32-bit arithmetic in an index: right up to 2^31 elements.
__global__ void wraps_signed(float* out, const float* x, int rows, int cols)
{
    const int at = blockIdx.x * cols + threadIdx.x;
    out[at] = x[at];
}

// The same without a sign: it comes back at the beginning, inside the buffer, from 2^32 elements on.
__global__ void wraps_unsigned(float* out, const float* x, int rows, int cols)
{
    const unsigned at = blockIdx.x * static_cast<unsigned>(cols) + threadIdx.x;
    out[at] = x[at];
}

__global__ void is_right(float* out, const float* x, int rows, int cols)
{
    const long long at = static_cast<long long>(blockIdx.x) * cols + threadIdx.x;
    out[at] = x[at];
}
