// Simulations: n bodies with tiles in shared memory, the Mandelbrot set, the game of life, heat, random walks.

extern "C" __global__ void n_body(float4 *acceleration, const float4 *bodies, int n) {
    extern __shared__ float4 tile[];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float4 me = i < n ? bodies[i] : make_float4(0, 0, 0, 0), sum = make_float4(0, 0, 0, 0);
    for (int first = 0; first < n; first += blockDim.x) {
        tile[threadIdx.x] = first + threadIdx.x < n ? bodies[first + threadIdx.x] : make_float4(0, 0, 0, 0);
        __syncthreads();
        for (int k = 0; k < blockDim.x; k++) {
            float x = tile[k].x - me.x, y = tile[k].y - me.y, z = tile[k].z - me.z;
            float inverse = rsqrtf(x * x + y * y + z * z + 0.01f), pull = tile[k].w * inverse * inverse * inverse;
            sum.x += x * pull, sum.y += y * pull, sum.z += z * pull;
        }
        __syncthreads();
    }
    if (i < n) acceleration[i] = sum;
}

extern "C" __global__ void mandelbrot(unsigned short *steps, int width, int height, double left, double top, double pixel) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height) return;
    double a = left + x * pixel, b = top - y * pixel, u = 0, v = 0;
    int step = 0;
    while (step < 200 && u * u + v * v <= 4) {
        double next = __dadd_rn(__dadd_rn(__dmul_rn(u, u), -__dmul_rn(v, v)), a);
        v = __dadd_rn(__dmul_rn(2 * u, v), b);
        u = next;
        step++;
    }
    steps[y * width + x] = step;
}

extern "C" __global__ void life(unsigned char *out, const unsigned char *in, int width, int height) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height) return;
    int count = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++)
            if (dx || dy) count += in[(y + dy + height) % height * width + (x + dx + width) % width];
    out[y * width + x] = count == 3 || (count == 2 && in[y * width + x]);
}

// Several steps of the heat equation in one launch, each block with a halo that shrinks.
extern "C" __global__ void heat(float *out, const float *in, int n, int steps) {
    __shared__ float room[2][128];
    int i = blockIdx.x * (128 - 2 * steps) + threadIdx.x - steps;
    room[0][threadIdx.x] = i >= 0 && i < n ? in[i] : 0;
    __syncthreads();
    for (int step = 0; step < steps; step++) {
        float *from = room[step % 2], *to = room[1 - step % 2];
        int t = threadIdx.x;
        if (t > step && t < 127 - step)
            to[t] = i >= 0 && i < n ? __fadd_rn(from[t], __fmul_rn(0.25f, __fadd_rn(__fadd_rn(from[t - 1], from[t + 1]), -2 * from[t]))) : 0;
        __syncthreads();
    }
    if (threadIdx.x >= steps && threadIdx.x < 128 - steps && i < n) out[i] = room[steps % 2][threadIdx.x];
}
