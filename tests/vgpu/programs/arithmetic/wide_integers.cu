// Integers wider than registers: 64-bit division and products, __int128 with all operators.

typedef long long i64;
typedef unsigned long long u64;
typedef __int128 i128;
typedef unsigned __int128 u128;

extern "C" __global__ void divide(i64 *out, const i64 *a, const i64 *b, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    i64 *row = out + 8 * i;
    u64 x = a[i], y = b[i];
    row[0] = a[i] / b[i];
    row[1] = a[i] % b[i];
    row[2] = x / y;
    row[3] = x % y;
    row[4] = __mul64hi(a[i], b[i]);
    row[5] = __umul64hi(x, y);
    row[6] = a[i] / 1000000007;
    row[7] = x % 12345678901234567ull;
}

extern "C" __global__ void divide_narrow(int *out, const int *a, const int *b, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    int *row = out + 6 * i;
    row[0] = a[i] / b[i];
    row[1] = a[i] % b[i];
    row[2] = static_cast<unsigned>(a[i]) / static_cast<unsigned>(b[i]);
    row[3] = static_cast<unsigned>(a[i]) % static_cast<unsigned>(b[i]);
    row[4] = static_cast<short>(a[i]) / static_cast<short>(b[i] | 1);
    row[5] = static_cast<unsigned char>(a[i]) % 7;
}

extern "C" __global__ void wider(u128 *out, const u128 *a, const u128 *b, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    u128 x = a[i], y = b[i], *row = out + 12 * i;
    i128 s = x, t = y;
    int shift = i % 128;
    row[0] = x + y;
    row[1] = x - y;
    row[2] = x * y;
    row[3] = x / y;
    row[4] = x % y;
    row[5] = s / t;
    row[6] = s % t;
    row[7] = x << shift;
    row[8] = x >> shift;
    row[9] = s >> shift;
    row[10] = (x & ~y) ^ (x | y);
    row[11] = (x < y) + 2 * (s < t) + 4 * (x == y) + 8 * (s >= t);
}
