// half and half2: arithmetic, comparisons, conversions, math functions, in scalar and packed form.
#include <cuda_fp16.h>

extern "C" __global__ void scalar(__half *out, const __half *a, const __half *b, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    __half x = a[i], y = b[i], *row = out + 20 * i;
    row[0] = x + y;
    row[1] = x - y;
    row[2] = x * y;
    row[3] = x / y;
    row[4] = __hfma(x, y, x);
    row[5] = -x;
    row[6] = __habs(x);
    row[7] = __hmax(x, y);
    row[8] = __hmin(x, y);
    row[9] = __hadd_sat(x, y);
    row[10] = x < y ? x : y;
    row[11] = __hfma_relu(x, y, y);
    row[12] = hsqrt(__habs(x));
    row[13] = hfloor(x);
    row[14] = hrint(x);
    row[15] = __float2half_rz(__half2float(x) / 3.0f);
    row[16] = __int2half_rn(__half2int_rz(x) * 3);
    row[17] = __ushort_as_half(__half_as_ushort(x) ^ 0x8000);
    row[18] = __heq(x, x) && !__hisnan(x) ? __float2half(1.0f) : __float2half(0.0f);
    row[19] = __double2half(static_cast<double>(__half2float(y)) / 7);
}

extern "C" __global__ void packed(__half2 *out, const __half2 *a, const __half2 *b, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    __half2 x = a[i], y = b[i], *row = out + 12 * i;
    row[0] = x + y;
    row[1] = x * y;
    row[2] = __hfma2(x, y, y);
    row[3] = __hsub2(x, y);
    row[4] = __h2div(x, y);
    row[5] = __hmax2(x, y);
    row[6] = __hgt2(x, y);
    row[7] = __lowhigh2highlow(x);
    row[8] = __lows2half2(x, y);
    row[9] = __highs2half2(x, y);
    row[10] = __floats2half2_rn(__low2float(x) * 0.1f, __high2float(y) * 0.1f);
    row[11] = __hbgt2(x, y) ? __half2half2(x.x) : __hneg2(x);
}

extern "C" __global__ void functions(__half *out, const __half *in, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    __half x = in[i], positive = __habs(x), *row = out + 8 * i;
    row[0] = hexp(x);
    row[1] = hlog(positive);
    row[2] = hsin(x);
    row[3] = hcos(x);
    row[4] = htanh(x);
    row[5] = hexp2(x);
    row[6] = hrsqrt(positive);
    row[7] = hrcp(x);
}
