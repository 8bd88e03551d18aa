// printf with its conversions, flags, widths, precisions and lengths.
#include <cstdio>

extern "C" __global__ void formats(int number, double real, long long wide) {
    printf("plain\n");
    printf("%d %i %u %o %x %X\n", number, -number, number, number, number, number);
    printf("[%5d] [%-5d] [%05d] [%+d] [% d] [%#x] [%#o]\n", number, number, number, number, number, number, number);
    printf("%lld %llu %llx %ld %zu\n", wide, (unsigned long long)wide, wide, (long)wide, (size_t)wide);
    printf("%hd %hhu\n", (short)-7, (unsigned char)200);
    printf("%f %e %g %E %G\n", real, real, real, real, real);
    printf("[%10.3f] [%-10.2e] [%+.1f] [%010.4f] [%.0f] [%a]\n", real, real, real, real, real, 1.5);
    printf("[%*d] [%-*d] [%.*f]\n", 6, number, 6, number, 2, real);
    printf("%c%c%c [%s] [%10s] [%-6s] [%.3s] %%\n", 'a', 'b', 'c', "text", "right", "left", "truncated");
    printf("%f %f %f\n", 1.0 / 0.0 * real, -1.0 / 0.0 * real, (float)number);
    int written = printf("%d %s %f\n", 1, "two", 3.0);
    printf("%d\n", written);
}

extern "C" __global__ void lanes(const char *kinds) {
    if (threadIdx.x % 3 == 0) printf("block %d thread %d\n", blockIdx.x, threadIdx.x);
    else if (threadIdx.x % 3 == 1 && threadIdx.x < 8) printf("%c of %d: %.2f\n", kinds[threadIdx.x], threadIdx.x, threadIdx.x / 8.0f);
}
