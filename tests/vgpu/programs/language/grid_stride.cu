// A grid-stride loop: fewer threads than elements, and a tail.

extern "C" __global__ void saxpy(float *y, const float *__restrict__ x, float a, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) y[i] = fmaf(a, x[i], y[i]);
}

extern "C" __global__ void saxpy_by_four(float4 *y, const float4 *__restrict__ x, float a, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        float4 left = x[i], right = y[i];
        y[i] = make_float4(fmaf(a, left.x, right.x), fmaf(a, left.y, right.y), fmaf(a, left.z, right.z),
                           fmaf(a, left.w, right.w));
    }
}
