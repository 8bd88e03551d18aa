// Bit intrinsics of 32 and 64 bits, byte permutes, funnel shifts, multiply-high, averages, SIMD within a word.

extern "C" __global__ void narrow(unsigned *out, const unsigned *a, const unsigned *b, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned x = a[i], y = b[i], *row = out + 20 * i;
    int s = x, t = y;
    row[0] = __popc(x);
    row[1] = __clz(s);
    row[2] = __brev(x);
    row[3] = __ffs(s);
    row[4] = __byte_perm(x, y, i * 0x1357);
    row[5] = __funnelshift_l(x, y, i);
    row[6] = __funnelshift_r(x, y, i);
    row[7] = __funnelshift_lc(x, y, i % 40);
    row[8] = __funnelshift_rc(x, y, i % 40);
    row[9] = __mulhi(s, t);
    row[10] = __umulhi(x, y);
    row[11] = __mul24(s, t);
    row[12] = __umul24(x, y);
    row[13] = __sad(s, t, 7u);
    row[14] = __usad(x, y, 7u);
    row[15] = __hadd(s, t);
    row[16] = __urhadd(x, y);
    row[17] = __fns(x, i % 32, i % 5 - 2);
    row[18] = x << (y & 31) | s >> (y & 31);
    row[19] = (x & y) | (~x & 0x0f0f0f0f) ^ (y | 0x12345678);
}

extern "C" __global__ void wide(unsigned long long *out, const unsigned long long *a, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned long long x = a[i], *row = out + 8 * i;
    row[0] = __popcll(x);
    row[1] = __clzll(x);
    row[2] = __brevll(x);
    row[3] = __ffsll(x);
    row[4] = x << (i % 64) | x >> (63 - i % 64);
    row[5] = static_cast<long long>(x) >> (i % 64);
    row[6] = (x >> 13 & 0x1ffff) | (x & 0xffff) << 40;
    row[7] = static_cast<long long>(x << 20) >> 50;
}

extern "C" __global__ void dot(int *out, const int *a, const int *b, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    int *row = out + 6 * i;
    row[0] = __dp4a(a[i], b[i], i);
    row[1] = __dp4a(static_cast<unsigned>(a[i]), static_cast<unsigned>(b[i]), static_cast<unsigned>(i));
    row[2] = __dp2a_lo(a[i], b[i], i);
    row[3] = __dp2a_hi(a[i], b[i], i);
    row[4] = __dp2a_lo(static_cast<unsigned>(a[i]), static_cast<unsigned>(b[i]), static_cast<unsigned>(i));
    row[5] = __dp2a_hi(static_cast<unsigned>(a[i]), static_cast<unsigned>(b[i]), static_cast<unsigned>(i));
}

extern "C" __global__ void packed(unsigned *out, const unsigned *a, const unsigned *b, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned x = a[i], y = b[i], *row = out + 10 * i;
    row[0] = __vadd4(x, y);
    row[1] = __vsub2(x, y);
    row[2] = __vaddss4(x, y);
    row[3] = __vsubus2(x, y);
    row[4] = __vabsdiffu4(x, y);
    row[5] = __vmaxs2(x, y);
    row[6] = __vminu4(x, y);
    row[7] = __vcmpgts4(x, y);
    row[8] = __vavgu2(x, y);
    row[9] = __vsadu4(x, y);
}
