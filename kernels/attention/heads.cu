// Between the token-major layout of a GEMM and the head-major one of attention.
//
// As in bias_gelu.cu a thread keeps its N columns and walks down the tokens; N divides the head size, so a vector
// never crosses a head. Block (columns / N, tokens), grid (column tiles, token tiles).
#include "../cuda/vector.cuh"

// qkv [batch * sequence, 3 * heads * size] + bias -> out [3, batch, heads, sequence, size]
template <typename T, int N>
__global__ void __launch_bounds__(256)
    bias_split_heads(T* __restrict__ out, const T* __restrict__ qkv, const T* __restrict__ bias, int batch,
                     int sequence, int heads, int size)
{
    const int hidden = heads * size;
    const int col = (blockIdx.x * blockDim.x + threadIdx.x) * N;
    if (col >= 3 * hidden) {
        return;
    }
    const Vector<T, N> shift = load<N>(bias + col);
    const int part = col / hidden;
    const int head = col % hidden / size;
    const unsigned tokens = batch * sequence;
    for (unsigned token = blockIdx.y * blockDim.y + threadIdx.y; token < tokens; token += gridDim.y * blockDim.y) {
        const Vector<T, N> value = add(load<N>(qkv + static_cast<long long>(token) * 3 * hidden + col), shift);
        const long long matrix = (static_cast<long long>(part) * batch + token / sequence) * heads + head;
        store(out + (matrix * sequence + token % sequence) * size + col % size, value);
    }
}

// context [batch, heads, sequence, size] -> out [batch * sequence, heads * size]
template <typename T, int N>
__global__ void __launch_bounds__(256)
    merge_heads(T* __restrict__ out, const T* __restrict__ context, int batch, int sequence, int heads, int size)
{
    const int hidden = heads * size;
    const int col = (blockIdx.x * blockDim.x + threadIdx.x) * N;
    if (col >= hidden) {
        return;
    }
    const int head = col / size;
    const unsigned tokens = batch * sequence;
    for (unsigned token = blockIdx.y * blockDim.y + threadIdx.y; token < tokens; token += gridDim.y * blockDim.y) {
        const long long matrix = static_cast<long long>(token / sequence) * heads + head;
        const Vector<T, N> value = load<N>(context + (matrix * sequence + token % sequence) * size + col % size);
        store(out + static_cast<long long>(token) * hidden + col, value);
    }
}
