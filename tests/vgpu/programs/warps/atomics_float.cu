// Atomics on float, double, half2 and bfloat162; loops around compare-and-swap for what has no instruction.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

__device__ float atomic_max(float *address, float value) {
    int *bits = reinterpret_cast<int *>(address), old = *bits, assumed;
    do {
        assumed = old;
        old = atomicCAS(bits, assumed, __float_as_int(fmaxf(value, __int_as_float(assumed))));
    } while (assumed != old);
    return __int_as_float(old);
}

__device__ double atomic_multiply(double *address, double value) {
    auto *bits = reinterpret_cast<unsigned long long *>(address);
    unsigned long long old = *bits, assumed;
    do {
        assumed = old;
        old = atomicCAS(bits, assumed, __double_as_longlong(value * __longlong_as_double(assumed)));
    } while (assumed != old);
    return __longlong_as_double(old);
}

__device__ void atomic_or(unsigned short *address, unsigned short value) {
    unsigned short old = *address, assumed;
    do {
        assumed = old;
        old = atomicCAS(address, assumed, static_cast<unsigned short>(assumed | value));
    } while (assumed != old);
}

extern "C" __global__ void sums(float *f, double *d, __half2 *h, __nv_bfloat162 *b, unsigned short *s, int n) {
    __shared__ float partial;
    if (threadIdx.x == 0) partial = 0;
    __syncthreads();
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        atomicAdd(&f[0], 0.25f * i);
        atomicAdd(&partial, 0.5f * i);
        atomic_max(&f[2], static_cast<float>(i * 37 % 257));
        atomicAdd(&d[0], 1e-3 * i);
        if (i % 16 == 0) atomic_multiply(&d[1], 2.0);
        atomicAdd(h, __floats2half2_rn(1.0f, i % 2));
        atomicAdd(b, __floats2bfloat162_rn(i % 4 == 0, -1.0f * (i % 8 == 0)));
        atomicAdd(reinterpret_cast<__half *>(h + 1) + 1, __float2half(0.5f));
        atomic_or(&s[1], 1 << i % 11);
    }
    __syncthreads();
    if (threadIdx.x == 0) atomicAdd(&f[1], partial);
}
