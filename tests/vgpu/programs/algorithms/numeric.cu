// Numerics: an FFT in shared memory, k-means, a convolution with a constant kernel, Simpson, Newton, polynomial roots.

extern "C" __global__ void fft(float2 *data, int log) {
    extern __shared__ float2 room[];
    int n = 1 << log;
    float2 *mine = data + blockIdx.x * n;
    for (int i = threadIdx.x; i < n; i += blockDim.x) room[__brev(i) >> (32 - log)] = mine[i];
    for (int half = 1; half < n; half *= 2) {
        __syncthreads();
        for (int i = threadIdx.x; i < n / 2; i += blockDim.x) {
            int k = i % half, at = i / half * 2 * half + k;
            float sine, cosine;
            sincospif(-static_cast<float>(k) / half, &sine, &cosine);
            float2 a = room[at], b = room[at + half];
            float2 turned = make_float2(b.x * cosine - b.y * sine, b.x * sine + b.y * cosine);
            room[at] = make_float2(a.x + turned.x, a.y + turned.y);
            room[at + half] = make_float2(a.x - turned.x, a.y - turned.y);
        }
    }
    __syncthreads();
    for (int i = threadIdx.x; i < n; i += blockDim.x) mine[i] = room[i];
}

extern "C" __global__ void k_means(int *label, float *sums, int *counts, const float *points, const float *centres, int n, int k) {
    extern __shared__ float shared[];
    float *centre = shared, *sum = shared + 2 * k;
    int *count = reinterpret_cast<int *>(sum + 2 * k), i = blockIdx.x * blockDim.x + threadIdx.x;
    for (int c = threadIdx.x; c < 2 * k; c += blockDim.x) centre[c] = centres[c], sum[c] = 0;
    for (int c = threadIdx.x; c < k; c += blockDim.x) count[c] = 0;
    __syncthreads();
    if (i < n) {
        int best = 0;
        float least = INFINITY;
        for (int c = 0; c < k; c++) {
            float x = points[2 * i] - centre[2 * c], y = points[2 * i + 1] - centre[2 * c + 1], square = x * x + y * y;
            if (square < least) least = square, best = c;
        }
        label[i] = best;
        atomicAdd(&sum[2 * best], points[2 * i]);
        atomicAdd(&sum[2 * best + 1], points[2 * i + 1]);
        atomicAdd(&count[best], 1);
    }
    __syncthreads();
    for (int c = threadIdx.x; c < 2 * k; c += blockDim.x) atomicAdd(&sums[c], sum[c]);
    for (int c = threadIdx.x; c < k; c += blockDim.x) atomicAdd(&counts[c], count[c]);
}

__constant__ float weights[5][5];

extern "C" __global__ void convolve(float *out, const float *in, int width, int height) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height) return;
    float sum = 0;
#pragma unroll
    for (int dy = -2; dy <= 2; dy++)
#pragma unroll
        for (int dx = -2; dx <= 2; dx++) {
            int u = min(max(x + dx, 0), width - 1), v = min(max(y + dy, 0), height - 1);
            sum += weights[dy + 2][dx + 2] * in[v * width + u];
        }
    out[y * width + x] = sum;
}

template <typename Function> __device__ double adaptive(Function f, double a, double b, double whole, double tolerance, int depth) {
    double middle = (a + b) / 2, h = (b - a) / 12;
    double left = h * (f(a) + 4 * f((a + middle) / 2) + f(middle)) , right = h * (f(middle) + 4 * f((middle + b) / 2) + f(b));
    if (depth == 0 || fabs(left + right - whole) < 15 * tolerance) return left + right + (left + right - whole) / 15;
    return adaptive(f, a, middle, left, tolerance / 2, depth - 1) + adaptive(f, middle, b, right, tolerance / 2, depth - 1);
}

// Adaptive Simpson: every lane integrates another function to another depth.
extern "C" __global__ void integrate(double *out, int n) {
    int i = threadIdx.x;
    if (i >= n) return;
    double power = i % 5, scale = 1 + i / 5;
    auto f = [=](double x) {
        double result = 1 / (1 + scale * x * x);
        for (int k = 0; k < power; k++) result *= x;
        return result;
    };
    out[i] = adaptive(f, 0.0, 3.0, 0.5 * (f(0) + 4 * f(1.5) + f(3)), 1e-10, 20);
}

extern "C" __global__ void cube_roots(double *root, int *steps, const double *in, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    double x = in[i], guess = x > 1 ? x : 1;
    int step = 0;
    for (; step < 100; step++) {
        double next = guess - (guess * guess * guess - x) / (3 * guess * guess);
        if (fabs(next - guess) <= 1e-15 * fabs(next)) break;
        guess = next;
    }
    root[i] = guess;
    steps[i] = step;
}
