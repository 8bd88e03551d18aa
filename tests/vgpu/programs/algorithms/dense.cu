// Dense linear algebra: SGEMM by tiles and with several results a thread, a matrix-vector product, Cholesky, LU.

extern "C" __global__ void tiled(float *c, const float *a, const float *b, int m, int n, int k) {
    __shared__ float left[16][16], right[16][17];
    int row = blockIdx.y * 16 + threadIdx.y, col = blockIdx.x * 16 + threadIdx.x;
    float sum = 0;
    for (int at = 0; at < k; at += 16) {
        left[threadIdx.y][threadIdx.x] = row < m && at + threadIdx.x < k ? a[row * k + at + threadIdx.x] : 0;
        right[threadIdx.y][threadIdx.x] = col < n && at + threadIdx.y < k ? b[(at + threadIdx.y) * n + col] : 0;
        __syncthreads();
        for (int i = 0; i < 16; i++) sum += left[threadIdx.y][i] * right[i][threadIdx.x];
        __syncthreads();
    }
    if (row < m && col < n) c[row * n + col] = sum;
}

// 32 by 32 results a block of 64 threads, 4 by 4 a thread, from float4 loads and two buffers.
extern "C" __global__ void __launch_bounds__(64) blocked(float *c, const float *a, const float *b, int n, int k) {
    __shared__ __align__(16) float left[2][8][32], right[2][8][32];
    int t = threadIdx.x, tx = t % 8, ty = t / 8;
    const float *from_a = a + (blockIdx.y * 32 + t / 2) * k + t % 2 * 4;
    const float *from_b = b + t / 8 * n + blockIdx.x * 32 + t % 8 * 4;
    float sums[4][4] = {};
    auto fetch = [&](int buffer, int at) {
        float4 quad = *reinterpret_cast<const float4 *>(from_a + at);
        left[buffer][t % 2 * 4 + 0][t / 2] = quad.x;
        left[buffer][t % 2 * 4 + 1][t / 2] = quad.y;
        left[buffer][t % 2 * 4 + 2][t / 2] = quad.z;
        left[buffer][t % 2 * 4 + 3][t / 2] = quad.w;
        *reinterpret_cast<float4 *>(&right[buffer][t / 8][t % 8 * 4]) = *reinterpret_cast<const float4 *>(from_b + at * n);
    };
    fetch(0, 0);
    for (int at = 0; at < k; at += 8) {
        int buffer = at / 8 % 2;
        __syncthreads();
        if (at + 8 < k) fetch(1 - buffer, at + 8);
#pragma unroll
        for (int i = 0; i < 8; i++) {
            float4 x = *reinterpret_cast<float4 *>(&left[buffer][i][ty * 4]), y = *reinterpret_cast<float4 *>(&right[buffer][i][tx * 4]);
            float u[4] = {x.x, x.y, x.z, x.w}, v[4] = {y.x, y.y, y.z, y.w};
#pragma unroll
            for (int r = 0; r < 4; r++)
#pragma unroll
                for (int s = 0; s < 4; s++) sums[r][s] += u[r] * v[s];
        }
    }
    for (int r = 0; r < 4; r++)
        *reinterpret_cast<float4 *>(&c[(blockIdx.y * 32 + ty * 4 + r) * n + blockIdx.x * 32 + tx * 4]) =
            make_float4(sums[r][0], sums[r][1], sums[r][2], sums[r][3]);
}

extern "C" __global__ void matrix_vector(double *y, const double *a, const double *x, int rows, int cols) {
    int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    double sum = 0;
    if (row < rows)
        for (int col = threadIdx.x % 32; col < cols; col += 32) sum += a[row * cols + col] * x[col];
    for (int step = 16; step > 0; step /= 2) sum += __shfl_down_sync(~0u, sum, step);
    if (row < rows && threadIdx.x % 32 == 0) y[row] = sum;
}

extern "C" __global__ void cholesky(double *a, int n) {
    int i = threadIdx.x;
    for (int k = 0; k < n; k++) {
        if (i == k) a[k * n + k] = sqrt(a[k * n + k]);
        __syncthreads();
        if (i > k && i < n) a[i * n + k] /= a[k * n + k];
        __syncthreads();
        if (i > k && i < n)
            for (int j = k + 1; j <= i; j++) a[i * n + j] -= a[i * n + k] * a[j * n + k];
        __syncthreads();
    }
}

// Gauss-Jordan with a pivot search by the whole block, one system a block.
extern "C" __global__ void solve(double *systems, double *solutions, int n) {
    __shared__ int pivot;
    double *a = systems + blockIdx.x * n * (n + 1);
    int i = threadIdx.x;
    for (int k = 0; k < n; k++) {
        if (i == 0) {
            pivot = k;
            for (int r = k + 1; r < n; r++)
                if (fabs(a[r * (n + 1) + k]) > fabs(a[pivot * (n + 1) + k])) pivot = r;
        }
        __syncthreads();
        if (i <= n && pivot != k) {
            double kept = a[k * (n + 1) + i];
            a[k * (n + 1) + i] = a[pivot * (n + 1) + i];
            a[pivot * (n + 1) + i] = kept;
        }
        __syncthreads();
        if (i < n && i != k) {
            double factor = a[i * (n + 1) + k] / a[k * (n + 1) + k];
            for (int c = k; c <= n; c++) a[i * (n + 1) + c] -= factor * a[k * (n + 1) + c];
        }
        __syncthreads();
    }
    if (i < n) solutions[blockIdx.x * n + i] = a[i * (n + 1) + n] / a[i * (n + 1) + i];
}
