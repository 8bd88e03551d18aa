// Irregular flow: goto forwards, backwards and into loops, breaks out of nested loops, continues, early exits.

extern "C" __global__ void collatz(int *steps, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned long long x = i + 1;
    int count = 0;
again:
    if (x == 1) goto done;
    count++;
    if (x & 1) {
        x = 3 * x + 1;
        goto again;
    }
    x >>= 1;
    goto again;
done:
    steps[i] = count;
}

// The number of primes below i, with a loop that is entered in the middle.
extern "C" __global__ void primes(int *out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    int found = 0, candidate = 2, divisor;
    goto first;
    while (candidate < i) {
        for (divisor = 2; divisor * divisor <= candidate; divisor++)
            if (candidate % divisor == 0) goto next;
        found++;
    next:
        candidate++;
        continue;
    first:
        if (i < 3) break;
    }
    out[i] = found;
}

// The first (a, b, c) in order with a + b * b + c * c * c == i, or -1.
extern "C" __global__ void search(int *out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    int answer = -1;
    for (int a = 0; a < 6; a++) {
        if (a == i % 5) continue;
        for (int b = 0; b < 6; b++) {
            if (a + b * b > i) break;
            for (int c = 0; c < 6; c++) {
                int sum = a + b * b + c * c * c;
                if (sum > i) break;
                if (sum == i) {
                    answer = (a * 10 + b) * 10 + c;
                    goto found;
                }
            }
        }
    }
found:
    out[i] = answer;
}

// Threads leave one after another; those that stay go on meeting at warp level.
extern "C" __global__ void early_exit(int *out, const int *limit, int rounds) {
    int i = threadIdx.x, sum = 0;
    for (int round = 0; round < rounds; round++) {
        if (limit[i] == round) {
            out[i] = sum;
            return;
        }
        if (round % 3 == 0) {
            if (i & 1) continue;
            sum += 10;
        }
        sum += __popc(__ballot_sync(__activemask(), 1)) > 0 ? round : 1000;
    }
    out[i] = -sum;
}
