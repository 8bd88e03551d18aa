// Conditions in conditions in loops, short-circuit logic, ternaries with side effects, do-while, in every lane another.

__device__ int noisy(int *calls, int value) {
    (*calls)++;
    return value;
}

extern "C" __global__ void nested(int *out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, calls = 0, result = 0;
    if (i < n) {
        for (int j = 0; j <= i % 7; j++) {
            if (i % 2) {
                if (j % 3 == 0) result += 1;
                else if (j % 3 == 1) {
                    int k = j;
                    do {
                        result += k * 10;
                        if (result % 4 == 1) break;
                    } while (k-- > i % 3);
                } else {
                    result ^= i;
                }
            } else if (i % 5 == 0 && noisy(&calls, j) && (noisy(&calls, i) > 20 || noisy(&calls, j) > 2)) {
                result += 1000;
            } else {
                result += i % 3 ? noisy(&calls, 2) : (j > 2 ? noisy(&calls, 100) : -1);
            }
        }
        out[2 * i] = result;
        out[2 * i + 1] = calls;
    }
}

// A warp's lanes sum different stretches, and meet at the barrier behind the loop.
extern "C" __global__ void ragged_rows(float *sums, const float *values, const int *starts, int rows) {
    __shared__ float partial[64];
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    float sum = 0;
    if (row < rows)
        for (int at = starts[row]; at < starts[row + 1]; at++) {
            if (values[at] < 0) continue;
            sum += values[at];
        }
    partial[threadIdx.x] = sum;
    __syncthreads();
    if (row < rows) sums[row] = partial[threadIdx.x] + partial[threadIdx.x ^ 1];
}
