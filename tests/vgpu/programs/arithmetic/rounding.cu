// Arithmetic and conversions with a rounding of their own, and C++ casts between all arithmetic types.

extern "C" __global__ void arithmetic(float *out, double *wide, const float *a, const float *b, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float x = a[i], y = b[i], *row = out + 16 * i;
    double u = x, v = y, *wide_row = wide + 8 * i;
    row[0] = __fadd_rn(x, y), row[1] = __fadd_rz(x, y), row[2] = __fadd_ru(x, y), row[3] = __fadd_rd(x, y);
    row[4] = __fmul_rn(x, y), row[5] = __fmul_rz(x, y), row[6] = __fmul_ru(x, y), row[7] = __fmul_rd(x, y);
    row[8] = __fdiv_rn(x, y), row[9] = __fdiv_rz(x, y), row[10] = __fdiv_ru(x, y), row[11] = __fdiv_rd(x, y);
    row[12] = __fsqrt_rn(fabsf(x)), row[13] = __fsqrt_rz(fabsf(x)), row[14] = __fsqrt_ru(fabsf(x)), row[15] = __frcp_rn(x);
    wide_row[0] = __dadd_rz(u, v * 1e-9), wide_row[1] = __dadd_ru(u, v * 1e-9), wide_row[2] = __dmul_rd(u, v / 3);
    wide_row[3] = __ddiv_rn(u, v), wide_row[4] = __ddiv_ru(u, v), wide_row[5] = __fma_rz(u, v / 3, u);
    wide_row[6] = __dsqrt_rd(fabs(u)), wide_row[7] = __drcp_rn(u);
}

extern "C" __global__ void convert(long long *out, const double *in, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    double x = in[i];
    float f = x;
    long long *row = out + 16 * i;
    row[0] = __float2int_rn(f), row[1] = __float2int_rz(f), row[2] = __float2int_ru(f), row[3] = __float2int_rd(f);
    row[4] = __double2int_rn(x), row[5] = __double2ll_rd(x), row[6] = __double2uint_ru(x), row[7] = __float2ll_rz(f);
    row[8] = static_cast<signed char>(static_cast<int>(x)), row[9] = static_cast<unsigned short>(static_cast<int>(x));
    row[10] = __float_as_int(__ll2float_rz(static_cast<long long>(x * 1e9)));
    row[11] = __float_as_int(__int2float_ru(static_cast<int>(x * 1e4)));
    row[12] = __double_as_longlong(__ll2double_rd(static_cast<long long>(x * 1e14)));
    row[13] = __float_as_int(__double2float_rd(x)), row[14] = __float_as_int(__double2float_ru(x));
    row[15] = __double2hiint(x) ^ __double2loint(x);
}

template <typename T> __device__ void cast_all(unsigned long long *row, T x) {
    row[0] = static_cast<signed char>(x);
    row[1] = static_cast<unsigned char>(x);
    row[2] = static_cast<short>(x);
    row[3] = static_cast<unsigned short>(x);
    row[4] = static_cast<int>(x);
    row[5] = static_cast<unsigned>(x);
    row[6] = static_cast<long long>(x);
    row[7] = static_cast<unsigned long long>(x);
    row[8] = __float_as_uint(static_cast<float>(x));
    row[9] = __double_as_longlong(static_cast<double>(x));
    row[10] = static_cast<bool>(x);
}

extern "C" __global__ void casts(unsigned long long *out, const long long *in, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned long long *row = out + 77 * i;
    cast_all<signed char>(row, in[i]);
    cast_all<unsigned char>(row + 11, in[i]);
    cast_all<short>(row + 22, in[i]);
    cast_all<unsigned short>(row + 33, in[i]);
    cast_all<int>(row + 44, in[i]);
    cast_all<unsigned>(row + 55, in[i]);
    cast_all<long long>(row + 66, in[i]);
}
