// The double functions of CUDA's math library, a kernel each.

#define ONE(name)                                                                              \
    extern "C" __global__ void k_##name(double *out, const double *x, const double *, int n) {    \
        int i = blockIdx.x * blockDim.x + threadIdx.x;                                         \
        if (i < n) out[i] = name(x[i]);                                                        \
    }
#define TWO(name)                                                                              \
    extern "C" __global__ void k_##name(double *out, const double *x, const double *y, int n) {   \
        int i = blockIdx.x * blockDim.x + threadIdx.x;                                         \
        if (i < n) out[i] = name(x[i], y[i]);                                                  \
    }

ONE(sin) ONE(cos) ONE(tan) ONE(sinpi) ONE(cospi) ONE(asin) ONE(acos) ONE(atan)
ONE(sinh) ONE(cosh) ONE(tanh) ONE(asinh) ONE(acosh) ONE(atanh)
ONE(exp) ONE(exp2) ONE(exp10) ONE(expm1) ONE(log) ONE(log2) ONE(log10) ONE(log1p) ONE(logb)
ONE(sqrt) ONE(rsqrt) ONE(cbrt) ONE(erf) ONE(erfc) ONE(lgamma) ONE(tgamma) ONE(normcdf)
ONE(floor) ONE(ceil) ONE(trunc) ONE(round) ONE(rint)
TWO(pow) TWO(atan2) TWO(hypot) TWO(fmod) TWO(remainder) TWO(fdim) TWO(copysign) TWO(nextafter) TWO(fmax) TWO(fmin)
