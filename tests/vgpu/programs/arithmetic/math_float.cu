// The float functions of CUDA's math library, a kernel each.

#define ONE(name)                                                                              \
    extern "C" __global__ void k_##name(float *out, const float *x, const float *, int n) {    \
        int i = blockIdx.x * blockDim.x + threadIdx.x;                                         \
        if (i < n) out[i] = name(x[i]);                                                        \
    }
#define TWO(name)                                                                              \
    extern "C" __global__ void k_##name(float *out, const float *x, const float *y, int n) {   \
        int i = blockIdx.x * blockDim.x + threadIdx.x;                                         \
        if (i < n) out[i] = name(x[i], y[i]);                                                  \
    }

ONE(sinf) ONE(cosf) ONE(tanf) ONE(sinpif) ONE(cospif) ONE(asinf) ONE(acosf) ONE(atanf)
ONE(sinhf) ONE(coshf) ONE(tanhf) ONE(asinhf) ONE(acoshf) ONE(atanhf)
ONE(expf) ONE(exp2f) ONE(exp10f) ONE(expm1f) ONE(logf) ONE(log2f) ONE(log10f) ONE(log1pf) ONE(logbf)
ONE(sqrtf) ONE(rsqrtf) ONE(cbrtf) ONE(erff) ONE(erfcf) ONE(lgammaf) ONE(tgammaf) ONE(normcdff)
ONE(floorf) ONE(ceilf) ONE(truncf) ONE(roundf) ONE(rintf)
TWO(powf) TWO(atan2f) TWO(hypotf) TWO(fmodf) TWO(remainderf) TWO(fdimf) TWO(copysignf) TWO(nextafterf) TWO(fmaxf) TWO(fminf)
