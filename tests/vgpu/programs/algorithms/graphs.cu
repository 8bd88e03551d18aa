// Sparse and irregular: SpMV in CSR by threads and by warps, a BFS, connected components, shortest paths, a hash table.

extern "C" __global__ void spmv_threads(float *y, const int *starts, const int *cols, const float *values, const float *x, int rows) {
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    float sum = 0;
    for (int at = starts[row]; at < starts[row + 1]; at++) sum += values[at] * x[cols[at]];
    y[row] = sum;
}

extern "C" __global__ void spmv_warps(float *y, const int *starts, const int *cols, const float *values, const float *x, int rows) {
    for (int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32; row < rows; row += gridDim.x * blockDim.x / 32) {
        float sum = 0;
        for (int at = starts[row] + threadIdx.x % 32; at < starts[row + 1]; at += 32) sum += values[at] * x[cols[at]];
        for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
        if (threadIdx.x % 32 == 0) y[row] = sum;
    }
}

extern "C" __global__ void bfs_step(int *distance, int *next, int *next_size, const int *frontier, int size, const int *starts, const int *cols, int level) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= size) return;
    int vertex = frontier[i];
    for (int at = starts[vertex]; at < starts[vertex + 1]; at++)
        if (atomicCAS(&distance[cols[at]], -1, level) == -1) next[atomicAdd(next_size, 1)] = cols[at];
}

__device__ int find(int *parent, int vertex) {
    while (parent[vertex] != vertex) {
        parent[vertex] = parent[parent[vertex]];
        vertex = parent[vertex];
    }
    return vertex;
}

extern "C" __global__ void unite(int *parent, const int *from, const int *to, int edges) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= edges) return;
    int a = from[i], b = to[i];
    while ((a = find(parent, a)) != (b = find(parent, b))) {
        if (a < b) { int kept = a; a = b; b = kept; }
        if (atomicCAS(&parent[a], a, b) == a) break;
    }
}

extern "C" __global__ void flatten(int *parent, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) parent[i] = find(parent, i);
}

extern "C" __global__ void floyd_warshall(int *distance, int n) {
    for (int via = 0; via < n; via++) {
        for (int at = threadIdx.x; at < n * n; at += blockDim.x) {
            int through = distance[at / n * n + via] + distance[via * n + at % n];
            if (through < distance[at]) distance[at] = through;
        }
        __syncthreads();
    }
}

__device__ unsigned hashed(unsigned key) {
    key ^= key >> 16;
    key *= 0x85ebca6bu;
    key ^= key >> 13;
    key *= 0xc2b2ae35u;
    return key ^ key >> 16;
}

extern "C" __global__ void insert(unsigned *keys, int *counts, int size, const unsigned *in, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    for (unsigned place = hashed(in[i]) % size;; place = (place + 1) % size) {
        unsigned before = atomicCAS(&keys[place], 0, in[i]);
        if (before == 0 || before == in[i]) {
            atomicAdd(&counts[place], 1);
            return;
        }
    }
}
