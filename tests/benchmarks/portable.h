// Kernels of the benchmark in the words that CUDA and OpenCL share; cuda.cu and opencl.cl say what each word means.
// REDUCE(value, combined) reduces over a block of 256, `combined` being of `a` and `b`; all threads get the result.

KERNEL saxpy(GLOBAL float* y, GLOBAL const float* x, float a, int n)
{
    const int i = BLOCK_X * THREADS_X + THREAD_X;
    if (i < n) {
        y[i] = a * x[i] + y[i];
    }
}

KERNEL bias_gelu(GLOBAL float* out, GLOBAL const float* x, GLOBAL const float* bias, int columns)
{
    for (int column = THREAD_X; column < columns; column += THREADS_X) {
        const float v = x[BLOCK_X * columns + column] + bias[column];
        out[BLOCK_X * columns + column] = 0.5f * v * (1.0f + TANH(0.7978845608f * (v + 0.044715f * v * v * v)));
    }
}

// One sum a block of 256 threads, by a tree in shared memory.
KERNEL sum_tree(GLOBAL float* out, GLOBAL const float* x, int columns)
{
    SHARED float partial[256];
    float total = 0.0f;
    for (int column = THREAD_X; column < columns; column += 256) {
        total += x[BLOCK_X * columns + column];
    }
    partial[THREAD_X] = total;
    BARRIER;
    for (int distance = 128; distance > 0; distance /= 2) {
        if (THREAD_X < distance) {
            partial[THREAD_X] += partial[THREAD_X + distance];
        }
        BARRIER;
    }
    if (THREAD_X == 0) {
        out[BLOCK_X] = partial[0];
    }
}

// A row of 768 columns a block of 256 threads; the row stays in registers.
KERNEL layer_norm(GLOBAL float* out, GLOBAL const float* x, GLOBAL const float* weight, GLOBAL const float* shift)
{
    SHARED float partial[256];
    float held[3];
    float total = 0.0f;
    for (int i = 0; i < 3; ++i) {
        held[i] = x[BLOCK_X * 768 + i * 256 + THREAD_X];
        total += held[i];
    }
    REDUCE(total, a + b);
    const float mean = total / 768.0f;
    float squares = 0.0f;
    for (int i = 0; i < 3; ++i) {
        held[i] -= mean;
        squares += held[i] * held[i];
    }
    REDUCE(squares, a + b);
    const float scale = RSQRT(squares / 768.0f + 1e-5f);
    for (int i = 0; i < 3; ++i) {
        const int column = i * 256 + THREAD_X;
        out[BLOCK_X * 768 + column] = held[i] * scale * weight[column] + shift[column];
    }
}

// A row of 1024 columns a block of 256 threads.
KERNEL softmax(GLOBAL float* out, GLOBAL const float* x)
{
    SHARED float partial[256];
    float held[4];
    float largest = -INFINITY;
    for (int i = 0; i < 4; ++i) {
        held[i] = x[BLOCK_X * 1024 + i * 256 + THREAD_X];
        largest = FMAX(largest, held[i]);
    }
    REDUCE(largest, FMAX(a, b));
    float total = 0.0f;
    for (int i = 0; i < 4; ++i) {
        held[i] = EXP(held[i] - largest);
        total += held[i];
    }
    REDUCE(total, a + b);
    for (int i = 0; i < 4; ++i) {
        out[BLOCK_X * 1024 + i * 256 + THREAD_X] = held[i] / total;
    }
}

// Tiles of 32 x 32, blocks of 32 x 8.
KERNEL transpose(GLOBAL float* out, GLOBAL const float* x, int rows, int columns)
{
    SHARED float tile[32][33];
    for (int i = THREAD_Y; i < 32; i += 8) {
        tile[i][THREAD_X] = x[(BLOCK_Y * 32 + i) * columns + BLOCK_X * 32 + THREAD_X];
    }
    BARRIER;
    for (int i = THREAD_Y; i < 32; i += 8) {
        out[(BLOCK_X * 32 + i) * rows + BLOCK_Y * 32 + THREAD_X] = tile[THREAD_X][i];
    }
}

// The 8 largest of a row of 1024 columns, one after another; of equal ones the first.
KERNEL top_k(GLOBAL float* values, GLOBAL int* indices, GLOBAL const float* x)
{
    SHARED float best[256];
    SHARED int at[256];
    float held[4];
    for (int i = 0; i < 4; ++i) {
        held[i] = x[BLOCK_X * 1024 + i * 256 + THREAD_X];
    }
    for (int k = 0; k < 8; ++k) {
        float mine = held[0];
        int place = 0;
        for (int i = 1; i < 4; ++i) {
            if (held[i] > mine) {
                mine = held[i];
                place = i;
            }
        }
        best[THREAD_X] = mine;
        at[THREAD_X] = place * 256 + THREAD_X;
        BARRIER;
        for (int distance = 128; distance > 0; distance /= 2) {
            if (THREAD_X < distance) {
                const float other = best[THREAD_X + distance];
                const int there = at[THREAD_X + distance];
                if (other > best[THREAD_X] || (other == best[THREAD_X] && there < at[THREAD_X])) {
                    best[THREAD_X] = other;
                    at[THREAD_X] = there;
                }
            }
            BARRIER;
        }
        const int winner = at[0];
        if (THREAD_X == 0) {
            values[BLOCK_X * 8 + k] = best[0];
            indices[BLOCK_X * 8 + k] = winner;
        }
        for (int i = 0; i < 4; ++i) {
            if (winner == i * 256 + THREAD_X) {
                held[i] = -INFINITY;
            }
        }
        BARRIER;
    }
}

// 256 bins: a block counts in shared memory and adds to the whole.
KERNEL histogram(GLOBAL int* bins, GLOBAL const unsigned char* x, int n)
{
    SHARED int mine[256];
    mine[THREAD_X] = 0;
    BARRIER;
    for (int i = BLOCK_X * 256 + THREAD_X; i < n; i += BLOCKS_X * 256) {
        ADD_SHARED(&mine[x[i]], 1);
    }
    BARRIER;
    ADD_GLOBAL(&bins[THREAD_X], mine[THREAD_X]);
}

// C = A B, square; tiles of 16 x 16, one element a thread.
KERNEL sgemm(GLOBAL float* c, GLOBAL const float* a, GLOBAL const float* b, int n)
{
    SHARED float left[16][16];
    SHARED float right[16][16];
    const int row = BLOCK_Y * 16 + THREAD_Y;
    const int column = BLOCK_X * 16 + THREAD_X;
    float sum = 0.0f;
    for (int tile = 0; tile < n; tile += 16) {
        left[THREAD_Y][THREAD_X] = a[row * n + tile + THREAD_X];
        right[THREAD_Y][THREAD_X] = b[(tile + THREAD_Y) * n + column];
        BARRIER;
        for (int k = 0; k < 16; ++k) {
            sum += left[THREAD_Y][k] * right[k][THREAD_X];
        }
        BARRIER;
    }
    c[row * n + column] = sum;
}

// C = A B, square; tiles of 64 x 64 in blocks of 16 x 16, 4 x 4 elements a thread.
KERNEL sgemm_registers(GLOBAL float* c, GLOBAL const float* a, GLOBAL const float* b, int n)
{
    SHARED float left[16][64];
    SHARED float right[16][64];
    float sum[4][4];
    const int thread = THREAD_Y * 16 + THREAD_X;
    for (int i = 0; i < 4; ++i) {
        for (int j = 0; j < 4; ++j) {
            sum[i][j] = 0.0f;
        }
    }
    for (int tile = 0; tile < n; tile += 16) {
        for (int i = 0; i < 4; ++i) {
            left[thread % 16][thread / 16 + i * 16] = a[(BLOCK_Y * 64 + thread / 16 + i * 16) * n + tile + thread % 16];
            right[thread / 64 + i * 4][thread % 64] = b[(tile + thread / 64 + i * 4) * n + BLOCK_X * 64 + thread % 64];
        }
        BARRIER;
        for (int k = 0; k < 16; ++k) {
            float x[4];
            float y[4];
            for (int i = 0; i < 4; ++i) {
                x[i] = left[k][THREAD_Y * 4 + i];
                y[i] = right[k][THREAD_X + i * 16];
            }
            for (int i = 0; i < 4; ++i) {
                for (int j = 0; j < 4; ++j) {
                    sum[i][j] += x[i] * y[j];
                }
            }
        }
        BARRIER;
    }
    for (int i = 0; i < 4; ++i) {
        for (int j = 0; j < 4; ++j) {
            c[(BLOCK_Y * 64 + THREAD_Y * 4 + i) * n + BLOCK_X * 64 + THREAD_X + j * 16] = sum[i][j];
        }
    }
}

// One query a block of 128 threads, 128 keys, heads of 64: q, k, v and out are [heads, 128, 64].
KERNEL attention(GLOBAL float* out, GLOBAL const float* q, GLOBAL const float* k, GLOBAL const float* v)
{
    SHARED float query[64];
    SHARED float weight[128];
    SHARED float partial[128];
    const int head = BLOCK_Y * 128 * 64;
    if (THREAD_X < 64) {
        query[THREAD_X] = q[head + BLOCK_X * 64 + THREAD_X];
    }
    BARRIER;
    float score = 0.0f;
    for (int d = 0; d < 64; ++d) {
        score += query[d] * k[head + THREAD_X * 64 + d];
    }
    score *= 0.125f;
    weight[THREAD_X] = score;
    BARRIER;
    float largest = weight[0];
    for (int i = 1; i < 128; ++i) {
        largest = FMAX(largest, weight[i]);
    }
    BARRIER;
    weight[THREAD_X] = EXP(score - largest);
    BARRIER;
    const int d = THREAD_X % 64;
    const int first = THREAD_X / 64 * 64;
    float total = 0.0f;
    float sum = 0.0f;
    for (int i = 0; i < 64; ++i) {
        const float w = weight[first + i];
        total += w;
        sum += w * v[head + (first + i) * 64 + d];
    }
    partial[THREAD_X] = sum;
    BARRIER;
    for (int i = 0; i < 64; ++i) {
        total += weight[64 - first + i];
    }
    if (THREAD_X < 64) {
        out[head + BLOCK_X * 64 + THREAD_X] = (partial[THREAD_X] + partial[THREAD_X + 64]) / total;
    }
}
