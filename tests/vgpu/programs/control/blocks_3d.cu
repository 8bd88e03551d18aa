// Blocks and grids of three dimensions, whose warps run across rows; block sizes that are no multiple of a warp.

extern "C" __global__ void coordinates(int *out, int3 size) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y,
        z = blockIdx.z * blockDim.z + threadIdx.z;
    if (x >= size.x || y >= size.y || z >= size.z) return;
    int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    int lane;
    asm("mov.u32 %0, %%laneid;" : "=r"(lane));
    out[(z * size.y + y) * size.x + x] = block * 100000 + thread * 100 + lane;
}

// A stencil of seven points with a halo in shared memory.
extern "C" __global__ void laplace(float *out, const float *in, int3 size) {
    __shared__ float tile[4][6][10];
    int x = blockIdx.x * 8 + threadIdx.x, y = blockIdx.y * 4 + threadIdx.y, z = blockIdx.z * 2 + threadIdx.z;
    auto at = [&](int x, int y, int z) {
        bool inside = x >= 0 && y >= 0 && z >= 0 && x < size.x && y < size.y && z < size.z;
        return inside ? in[(z * size.y + y) * size.x + x] : 0.0f;
    };
    int tx = threadIdx.x + 1, ty = threadIdx.y + 1, tz = threadIdx.z + 1;
    tile[tz][ty][tx] = at(x, y, z);
    if (tx == 1) tile[tz][ty][0] = at(x - 1, y, z);
    if (tx == 8) tile[tz][ty][9] = at(x + 1, y, z);
    if (ty == 1) tile[tz][0][tx] = at(x, y - 1, z);
    if (ty == 4) tile[tz][5][tx] = at(x, y + 1, z);
    if (tz == 1) tile[0][ty][tx] = at(x, y, z - 1);
    if (tz == 2) tile[3][ty][tx] = at(x, y, z + 1);
    __syncthreads();
    if (x < size.x && y < size.y && z < size.z)
        out[(z * size.y + y) * size.x + x] =
            tile[tz][ty][tx - 1] + tile[tz][ty][tx + 1] + tile[tz][ty - 1][tx] + tile[tz][ty + 1][tx] +
            tile[tz - 1][ty][tx] + tile[tz + 1][ty][tx] - 6 * tile[tz][ty][tx];
}
