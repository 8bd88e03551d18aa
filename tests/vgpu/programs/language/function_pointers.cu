// Function pointers: in tables of constant and global memory, in arguments, to members; lanes call different ones.

typedef int (*Operation)(int, int);

__device__ int add(int a, int b) { return a + b; }
__device__ int multiply(int a, int b) { return a * b; }
__device__ int larger(int a, int b) { return a > b ? a : b; }
__device__ int looping(int a, int b) {
    while (a % 7) a += 3;
    return a - b;
}

__device__ Operation table[] = {add, multiply, larger, looping};
__constant__ Operation reversed[] = {looping, larger, multiply, add};

__device__ __noinline__ int twice(Operation operation, int a, int b) { return operation(operation(a, b), b); }

struct Counter {
    int value;
    __device__ void up(int by) { value += by; }
    __device__ void down(int by) { value -= by; }
};

extern "C" __global__ void call_by_table(int *out, const int *which, const int *a, const int *b, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    out[i] = table[which[i]](a[i], b[i]) * 3 + reversed[which[i]](b[i], a[i]);
}

extern "C" __global__ void call_by_argument(int *out, const int *which, const int *a, const int *b, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    out[i] = twice(which[i] & 1 ? table[1] : table[0], a[i], b[i]);
    Counter counter = {a[i]};
    void (Counter::*step)(int) = which[i] & 2 ? &Counter::up : &Counter::down;
    (counter.*step)(b[i]);
    out[i] += counter.value;
}
