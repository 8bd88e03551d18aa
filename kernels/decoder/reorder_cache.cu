// The cache of every row's parent, in another buffer: what a beam search needs that follows no ancestors.
//
// Two buffers, since the parents of a batch may be any of its rows, in any order. A run is what a head holds of one
// row: its positions so far, which lie one after another. As in bias_gelu.cu a thread keeps its columns and walks down
// the runs. Block (columns / N, runs), grid (column tiles, run tiles).
#include "../cuda/vector.cuh"

// source -> out [stack, rows, heads, run], in the same strides; parents [rows]: a row of the same batch of `beams` rows.
template <typename T, int N>
__global__ void __launch_bounds__(256)
    reorder_cache(T* __restrict__ out, const T* __restrict__ source, const long long* __restrict__ parents,
                  long long stack_stride, long long row_stride, long long head_stride, long long runs, int rows,
                  int heads, int beams, int run)
{
    const int col = (blockIdx.x * blockDim.x + threadIdx.x) * N;
    if (col >= run) {
        return;
    }
    const long long stride = static_cast<long long>(gridDim.y) * blockDim.y;
    for (long long at = static_cast<long long>(blockIdx.y) * blockDim.y + threadIdx.y; at < runs; at += stride) {
        const int head = at % heads;
        const int row = at / heads % rows;
        const long long same = at / heads / rows * stack_stride + head * head_stride + col;
        const long long parent = row / beams * beams + parents[row];
        store(out + same + row * row_stride, load<N>(source + same + parent * row_stride));
    }
}
