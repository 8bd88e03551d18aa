// Layers: LayerNorm, softmax in two ways, GELU, attention with a running maximum, cross entropy; a block or warp a row.
#include <cuda_fp16.h>

__device__ float2 warp_sum(float2 value) {
    for (int step = 16; step > 0; step /= 2) {
        value.x += __shfl_xor_sync(~0u, value.x, step);
        value.y += __shfl_xor_sync(~0u, value.y, step);
    }
    return value;
}

template <typename T> __global__ void layer_norm(T *out, const T *in, const float *gain, const float *bias, int cols) {
    __shared__ float2 warps[8];
    const T *row = in + blockIdx.x * cols;
    float2 sums = make_float2(0, 0);
    for (int i = threadIdx.x; i < cols; i += blockDim.x) {
        float value = row[i];
        sums.x += value, sums.y += value * value;
    }
    sums = warp_sum(sums);
    if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = sums;
    __syncthreads();
    sums = warp_sum(threadIdx.x % 32 < blockDim.x / 32 ? warps[threadIdx.x % 32] : make_float2(0, 0));
    float mean = sums.x / cols, scale = rsqrtf(sums.y / cols - mean * mean + 1e-5f);
    for (int i = threadIdx.x; i < cols; i += blockDim.x)
        out[blockIdx.x * cols + i] = static_cast<T>((static_cast<float>(row[i]) - mean) * scale * gain[i] + bias[i]);
}

template __global__ void layer_norm<float>(float *, const float *, const float *, const float *, int);
template __global__ void layer_norm<__half>(__half *, const __half *, const float *, const float *, int);

// In one pass: the maximum and the sum are corrected together.
extern "C" __global__ void online_softmax(float *out, const float *in, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    float most = -INFINITY, sum = 0;
    for (int i = threadIdx.x; i < cols; i += 32) {
        float value = in[row * cols + i], larger = fmaxf(most, value);
        sum = sum * expf(most - larger) + expf(value - larger);
        most = larger;
    }
    for (int step = 16; step > 0; step /= 2) {
        float other = __shfl_xor_sync(~0u, most, step), other_sum = __shfl_xor_sync(~0u, sum, step);
        float larger = fmaxf(most, other);
        sum = sum * (most == larger ? 1 : expf(most - larger)) + other_sum * (other == larger ? 1 : expf(other - larger));
        most = larger;
    }
    for (int i = threadIdx.x; i < cols; i += 32) out[row * cols + i] = expf(in[row * cols + i] - most) / sum;
}

extern "C" __global__ void gelu(float *out, float *approximated, const float *in, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float x = in[i];
    out[i] = 0.5f * x * (1 + erff(x * 0.70710678f));
    approximated[i] = 0.5f * x * (1 + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
}

// One query a thread; keys and values go by in tiles; causal.
template <int Size> __global__ void attention(float *out, const float *q, const float *k, const float *v, int length) {
    __shared__ float keys[32][Size], values[32][Size];
    int head = blockIdx.y, query = blockIdx.x * 32 + threadIdx.x, base = head * length * Size;
    float mine[Size], sums[Size] = {}, most = -INFINITY, total = 0;
    for (int d = 0; d < Size; d++) mine[d] = query < length ? q[base + query * Size + d] * rsqrtf(Size) : 0;
    for (int first = 0; first <= blockIdx.x * 32 + 31 && first < length; first += 32) {
        __syncthreads();
        for (int at = threadIdx.x; at < 32 * Size; at += 32) {
            bool inside = first + at / Size < length;
            keys[at / Size][at % Size] = inside ? k[base + first * Size + at] : 0;
            values[at / Size][at % Size] = inside ? v[base + first * Size + at] : 0;
        }
        __syncthreads();
        for (int j = 0; j < 32 && first + j <= query; j++) {
            float score = 0;
            for (int d = 0; d < Size; d++) score += mine[d] * keys[j][d];
            float larger = fmaxf(most, score), shrink = expf(most - larger), weight = expf(score - larger);
            total = total * shrink + weight;
            for (int d = 0; d < Size; d++) sums[d] = sums[d] * shrink + weight * values[j][d];
            most = larger;
        }
    }
    if (query < length)
        for (int d = 0; d < Size; d++) out[base + query * Size + d] = sums[d] / total;
}

template __global__ void attention<16>(float *, const float *, const float *, const float *, int);

extern "C" __global__ void cross_entropy(float *loss, const float *logits, const long long *labels, int classes) {
    const float *row = logits + blockIdx.x * classes;
    float most = -INFINITY, sum = 0;
    for (int i = threadIdx.x; i < classes; i += 32) most = fmaxf(most, row[i]);
    for (int step = 16; step > 0; step /= 2) most = fmaxf(most, __shfl_xor_sync(~0u, most, step));
    for (int i = threadIdx.x; i < classes; i += 32) sum += expf(row[i] - most);
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
    if (threadIdx.x == 0) loss[blockIdx.x] = logf(sum) + most - row[labels[blockIdx.x]];
}
