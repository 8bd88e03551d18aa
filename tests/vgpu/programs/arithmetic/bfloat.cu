// bfloat16, scalar and packed.
#include <cuda_bf16.h>

extern "C" __global__ void arithmetic(__nv_bfloat16 *out, const __nv_bfloat16 *a, const __nv_bfloat16 *b, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    __nv_bfloat16 x = a[i], y = b[i], *row = out + 12 * i;
    row[0] = x + y;
    row[1] = x - y;
    row[2] = x * y;
    row[3] = x / y;
    row[4] = __hfma(x, y, x);
    row[5] = __hmax(x, y);
    row[6] = __hneg(__habs(x));
    row[7] = __float2bfloat16_rz(__bfloat162float(x) / 3.0f);
    row[8] = __int2bfloat16_rn(__bfloat162int_rn(x) * 3);
    __nv_bfloat162 pair = __hfma2(__halves2bfloat162(x, y), __bfloat162bfloat162(y), __floats2bfloat162_rn(1.5f, -0.3f));
    row[9] = pair.x;
    row[10] = pair.y;
    row[11] = x < y ? hsqrt(__habs(x)) : hexp(y);
}
