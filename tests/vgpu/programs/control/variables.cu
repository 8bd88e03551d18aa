// Variables of modules: constant and global, initialised, of struct type, with addresses; set from the host.

struct Entry {
    int key;
    float value;
    const char *name;
};

__constant__ float coefficients[4] = {1.0f, -0.5f, 0.25f, -0.125f};
__constant__ int scale = 3;
__constant__ Entry entries[] = {{1, 0.5f, "one"}, {20, 2.5f, "twenty"}, {300, 3.5f, "three hundred"}};
__device__ int counter = 10;
__device__ double matrix[2][3] = {{1, 2, 3}, {4, 5, 6}};
__device__ int *where = &counter;
__device__ const short shorts[] = {-1, 300, -32768};
__managed__ int managed = 77;

__device__ int length(const char *text) {
    int n = 0;
    while (text[n]) n++;
    return n;
}

extern "C" __global__ void read(float *out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float x = i * 0.25f, sum = 0;
    for (int k = 3; k >= 0; k--) sum = sum * x + coefficients[k];
    const Entry &entry = entries[i % 3];
    out[i] = sum * scale + entry.key + entry.value + length(entry.name) + static_cast<float>(matrix[i % 2][i % 3]) +
             shorts[i % 3] + managed;
    atomicAdd(where, 2);
}
