// Dynamic shared memory, cut into arrays of several types, beside static shared memory.

extern __shared__ __align__(16) unsigned char raw[];

extern "C" __global__ void carve(double *out, int n, int m) {
    double *doubles = reinterpret_cast<double *>(raw);
    int *integers = reinterpret_cast<int *>(doubles + n);
    char *letters = reinterpret_cast<char *>(integers + m);
    __shared__ float fixed[16];
    int i = threadIdx.x;
    for (int k = i; k < n; k += blockDim.x) doubles[k] = k * 0.5;
    for (int k = i; k < m; k += blockDim.x) integers[k] = -k;
    if (i < 32) letters[i] = 'a' + i % 26;
    if (i < 16) fixed[i] = i;
    __syncthreads();
    out[blockIdx.x * blockDim.x + i] =
        doubles[(i * 7) % n] + integers[(i * 5) % m] + letters[i % 32] + fixed[(i + 3) % 16] + blockIdx.x;
}

extern "C" __global__ void size(unsigned *out) {
    asm("mov.u32 %0, %%dynamic_smem_size;" : "=r"(out[0]));
    out[1] = static_cast<unsigned>(__cvta_generic_to_shared(raw)) % 16;
    out[2] = __isShared(raw) + 2 * __isGlobal(out) + 4 * __isLocal(&out[0]) + 8 * __isShared(out);
}

template <typename T> __device__ T *shared_of() {
    extern __shared__ __align__(16) unsigned char memory[];
    return reinterpret_cast<T *>(memory);
}

template <typename T> __global__ void reverse(T *values, int n) {
    T *kept = shared_of<T>();
    int i = threadIdx.x;
    if (i < n) kept[i] = values[i];
    __syncthreads();
    if (i < n) values[i] = kept[n - 1 - i];
}

template __global__ void reverse<char>(char *, int);
template __global__ void reverse<short>(short *, int);
template __global__ void reverse<double>(double *, int);
template __global__ void reverse<float4>(float4 *, int);
