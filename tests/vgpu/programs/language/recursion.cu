// Recursion of different depth in every lane: direct, mutual, over arrays, and a search with backtracking.

__device__ int ackermann(int m, int n) {
    if (m == 0) return n + 1;
    if (n == 0) return ackermann(m - 1, 1);
    return ackermann(m - 1, ackermann(m, n - 1));
}

__device__ bool odd(unsigned n);
__device__ __noinline__ bool even(unsigned n) { return n == 0 ? true : odd(n - 1); }
__device__ __noinline__ bool odd(unsigned n) { return n == 0 ? false : even(n - 1); }

__device__ void quicksort(int *values, int first, int last) {
    if (first >= last) return;
    int pivot = values[(first + last) / 2], i = first, j = last;
    while (i <= j) {
        while (values[i] < pivot) i++;
        while (values[j] > pivot) j--;
        if (i <= j) {
            int kept = values[i];
            values[i++] = values[j];
            values[j--] = kept;
        }
    }
    quicksort(values, first, j);
    quicksort(values, i, last);
}

__device__ int queens(int n, unsigned columns, unsigned falling, unsigned rising) {
    unsigned all = (1u << n) - 1;
    if (columns == all) return 1;
    int count = 0;
    for (unsigned free = all & ~(columns | falling | rising); free; free &= free - 1) {
        unsigned place = free & -free;
        count += queens(n, columns | place, (falling | place) << 1, (rising | place) >> 1);
    }
    return count;
}

extern "C" __global__ void numbers(int *out) {
    int i = threadIdx.x;
    out[i] = i < 12 ? ackermann(i / 4, i % 4 + 1) : even(i) * 2 + odd(i / 3);
}

extern "C" __global__ void sort_rows(int *rows, int length) {
    int *row = rows + (blockIdx.x * blockDim.x + threadIdx.x) * length;
    quicksort(row, 0, length - 1 - threadIdx.x % 3);
}

extern "C" __global__ void count_queens(int *out) { out[threadIdx.x] = queens(threadIdx.x + 1, 0, 0, 0); }
