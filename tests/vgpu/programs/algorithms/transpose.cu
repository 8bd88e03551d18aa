// A matrix transposed: naively, through a tile, through a padded tile, in place, and by bytes.

extern "C" __global__ void naive(float *out, const float *in, int rows, int cols) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < cols && y < rows) out[x * rows + y] = in[y * cols + x];
}

template <typename T, int Pad> __global__ void tiled(T *out, const T *in, int rows, int cols) {
    __shared__ T tile[32][32 + Pad];
    int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
    for (int k = 0; k < 32; k += 8)
        if (x < cols && y + k < rows) tile[threadIdx.y + k][threadIdx.x] = in[(y + k) * cols + x];
    __syncthreads();
    x = blockIdx.y * 32 + threadIdx.x, y = blockIdx.x * 32 + threadIdx.y;
    for (int k = 0; k < 32; k += 8)
        if (x < rows && y + k < cols) out[(y + k) * rows + x] = tile[threadIdx.x][threadIdx.y + k];
}

template __global__ void tiled<float, 0>(float *, const float *, int, int);
template __global__ void tiled<float, 1>(float *, const float *, int, int);
template __global__ void tiled<unsigned char, 1>(unsigned char *, const unsigned char *, int, int);
template __global__ void tiled<double2, 1>(double2 *, const double2 *, int, int);

extern "C" __global__ void in_place(float *values, int n) {
    if (blockIdx.x < blockIdx.y) return;
    __shared__ float upper[16][17], lower[16][17];
    int x = blockIdx.x * 16 + threadIdx.x, y = blockIdx.y * 16 + threadIdx.y;
    int u = blockIdx.y * 16 + threadIdx.x, v = blockIdx.x * 16 + threadIdx.y;
    if (x < n && y < n) upper[threadIdx.y][threadIdx.x] = values[y * n + x];
    if (u < n && v < n) lower[threadIdx.y][threadIdx.x] = values[v * n + u];
    __syncthreads();
    if (u < n && v < n) values[v * n + u] = upper[threadIdx.x][threadIdx.y];
    if (x < n && y < n) values[y * n + x] = lower[threadIdx.x][threadIdx.y];
}
