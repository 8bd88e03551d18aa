// Arrays of a thread, with indexes known at run time only: insertion sort, digits, a polynomial's coefficients.

extern "C" __global__ void sort(const int *in, int *out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, values[24];
    for (int k = 0; k < n; k++) {
        int value = in[i * n + k], at = k;
        while (at > 0 && values[at - 1] > value) {
            values[at] = values[at - 1];
            at--;
        }
        values[at] = value;
    }
    for (int k = 0; k < n; k++) out[i * n + k] = values[k];
}

extern "C" __global__ void digits(unsigned long long *out, const unsigned long long *in, int base) {
    unsigned char digit[64];
    unsigned long long value = in[threadIdx.x], mirrored = 0;
    int count = 0;
    do digit[count++] = value % base;
    while (value /= base);
    for (int i = 0; i < count; i++) mirrored = mirrored * base + digit[i];
    out[threadIdx.x] = mirrored;
}

extern "C" __global__ void matrix_power(double *out, int n) {
    double a[2][2] = {{1, 1}, {1, 0}}, result[2][2] = {{1, 0}, {0, 1}}, kept[2][2];
    for (int power = threadIdx.x % n; power; power >>= 1) {
        if (power & 1) {
            for (int r = 0; r < 2; r++)
                for (int c = 0; c < 2; c++) kept[r][c] = result[r][0] * a[0][c] + result[r][1] * a[1][c];
            memcpy(result, kept, sizeof result);
        }
        for (int r = 0; r < 2; r++)
            for (int c = 0; c < 2; c++) kept[r][c] = a[r][0] * a[0][c] + a[r][1] * a[1][c];
        memcpy(a, kept, sizeof a);
    }
    out[threadIdx.x] = result[threadIdx.x & 1][1];
}
