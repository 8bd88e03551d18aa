// Lambdas on the device, and extended lambdas that a host function hands to a kernel: the closure is its parameter.

template <typename Function> __global__ void for_each(float *values, int n, Function function) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) values[i] = function(i, values[i]);
}

void host(float *values, int n, float scale, int shift, double power) {
    for_each<<<1, 32>>>(values, n, [scale, shift, power] __device__(int i, float value) {
        return static_cast<float>(value * scale + (i ^ shift) + power);
    });
}

template <typename Function> __device__ __noinline__ int fold(const int *values, int n, Function function) {
    int result = 0;
    for (int i = 0; i < n; i++) result = function(result, values[i]);
    return result;
}

extern "C" __global__ void folds(int *out, const int *values, int n, int most) {
    int seen = 0;
    auto bounded = [most](int value) { return value < most ? value : most; };
    out[3 * threadIdx.x] = fold(values, n, [](int a, int b) { return a + b; });
    out[3 * threadIdx.x + 1] = fold(values, n, [&](int a, int b) { seen++; return a ^ bounded(b + threadIdx.x); });
    out[3 * threadIdx.x + 2] = seen;
}
