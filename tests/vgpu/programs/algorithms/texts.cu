// Bytes and strings: CRC-32, SHA-256, edit distance by diagonals, run-length encoding, matching a pattern.

extern "C" __global__ void crc32(unsigned *out, const unsigned char *in, const int *starts, int n) {
    __shared__ unsigned table[256];
    for (int i = threadIdx.x; i < 256; i += blockDim.x) {
        unsigned value = i;
        for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xedb88320u : value >> 1;
        table[i] = value;
    }
    __syncthreads();
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned crc = ~0u;
    for (int at = starts[i]; at < starts[i + 1]; at++) crc = table[(crc ^ in[at]) & 255] ^ crc >> 8;
    out[i] = ~crc;
}

__constant__ unsigned rounds[64];  // the host computes them

__device__ unsigned rotate(unsigned x, int by) { return __funnelshift_r(x, x, by); }

// Messages of one block: at most 55 bytes.
extern "C" __global__ void sha256(unsigned *out, const unsigned char *in, const int *starts, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned char block[64] = {};
    int length = starts[i + 1] - starts[i];
    for (int k = 0; k < length; k++) block[k] = in[starts[i] + k];
    block[length] = 0x80;
    block[62] = length >> 5;
    block[63] = length << 3;
    unsigned w[64], state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}, h[8];
    for (int k = 0; k < 16; k++) w[k] = block[4 * k] << 24 | block[4 * k + 1] << 16 | block[4 * k + 2] << 8 | block[4 * k + 3];
    for (int k = 16; k < 64; k++)
        w[k] = w[k - 16] + (rotate(w[k - 15], 7) ^ rotate(w[k - 15], 18) ^ w[k - 15] >> 3) + w[k - 7] +
               (rotate(w[k - 2], 17) ^ rotate(w[k - 2], 19) ^ w[k - 2] >> 10);
    for (int k = 0; k < 8; k++) h[k] = state[k];
    for (int k = 0; k < 64; k++) {
        unsigned t = h[7] + (rotate(h[4], 6) ^ rotate(h[4], 11) ^ rotate(h[4], 25)) + (h[4] & h[5] ^ ~h[4] & h[6]) + rounds[k] + w[k];
        unsigned u = (rotate(h[0], 2) ^ rotate(h[0], 13) ^ rotate(h[0], 22)) + (h[0] & h[1] ^ h[0] & h[2] ^ h[1] & h[2]);
        for (int j = 7; j > 0; j--) h[j] = h[j - 1];
        h[4] += t;
        h[0] = t + u;
    }
    for (int k = 0; k < 8; k++) out[8 * i + k] = state[k] + h[k];
}

// One pair of words a block; a thread a diagonal's cell.
extern "C" __global__ void edit_distance(int *out, const char *a, int m, const char *b, int n) {
    extern __shared__ short rows[];
    int i = threadIdx.x, width = m + 1;
    for (int diagonal = 0; diagonal <= m + n; diagonal++) {
        short *here = rows + diagonal % 3 * width, *one = rows + (diagonal + 2) % 3 * width, *two = rows + (diagonal + 1) % 3 * width;
        int j = diagonal - i;
        if (i <= m && j >= 0 && j <= n)
            here[i] = i == 0 ? j : j == 0 ? i : min(min(one[i - 1], one[i]) + 1, two[i - 1] + (a[i - 1] != b[j - 1]));
        __syncthreads();
    }
    if (i == m) *out = rows[(m + n) % 3 * width + m];
}

extern "C" __global__ void matches(int *found, const char *text, int n, const char *pattern, int length) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i > n - length) return;
    for (int k = 0; k < length; k++)
        if (pattern[k] != '?' && text[i + k] != pattern[k]) return;
    atomicOr(&found[i / 32], 1 << i % 32);
}
