// One kernel that is as good as it gets, one that is not.

__global__ void doubled(float* out, const float* in, int n)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        out[i] = in[i] + in[i];
    }
}

__global__ void turned(float* out, const float* in, int n)
{
    __shared__ float tile[32][32];
    tile[threadIdx.y][threadIdx.x] = in[(blockIdx.y * 32 + threadIdx.x) * n + blockIdx.x * 32 + threadIdx.y];  // uncoalesced
    __syncthreads();
    out[(blockIdx.y * 32 + threadIdx.y) * n + blockIdx.x * 32 + threadIdx.x] = tile[threadIdx.x][threadIdx.y];  // conflicts
}
