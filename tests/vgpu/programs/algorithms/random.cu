// cuRAND's device interface: Philox, XORWOW and MRG32k3a, in uniform and normal numbers; pi by Monte Carlo.
#include <curand_kernel.h>

extern "C" __global__ void philox_bits(uint4 *out, unsigned long long seed) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    curandStatePhilox4_32_10_t state;
    curand_init(seed, i, 4 * i, &state);
    out[i] = curand4(&state);
}

extern "C" __global__ void philox_pi(unsigned *inside, unsigned long long seed, int rounds) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    curandStatePhilox4_32_10_t state;
    curand_init(seed, i, 0, &state);
    unsigned count = 0;
    for (int round = 0; round < rounds; round++) {
        float4 u = curand_uniform4(&state);
        count += u.x * u.x + u.y * u.y <= 1;
        count += u.z * u.z + u.w * u.w <= 1;
    }
    atomicAdd(inside, count);
}

extern "C" __global__ void normals(float *out, double *wide, int each) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    curandStatePhilox4_32_10_t state;
    curand_init(7, i, 0, &state);
    for (int k = 0; k < each; k++) out[i * each + k] = curand_normal(&state);
    for (int k = 0; k < each; k++) wide[i * each + k] = curand_uniform_double(&state);
}

extern "C" __global__ void xorwow(unsigned *out, int each) {
    int i = threadIdx.x;
    curandStateXORWOW_t state;
    curand_init(1234, 0, i * each, &state);
    for (int k = 0; k < each; k++) out[i * each + k] = curand(&state);
}

extern "C" __global__ void mrg(float *out, int each) {
    curandStateMRG32k3a_t state;
    curand_init(0, 0, threadIdx.x * each, &state);
    for (int k = 0; k < each; k++) out[threadIdx.x * each + k] = curand_uniform(&state);
}
