// malloc, new, free and delete in kernels: lists that grow by lane, and memory that outlives a block.

struct Node {
    int value;
    Node *next;
};

extern "C" __global__ void lists(int *out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    Node *head = nullptr;
    for (int value = 0; value <= i % 9; value++) head = new Node{value * i, head};
    int sum = 0, length = 0;
    while (head) {
        Node *next = head->next;
        sum = sum * 3 + head->value;
        length++;
        delete head;
        head = next;
    }
    out[2 * i] = sum;
    out[2 * i + 1] = length;
}

__device__ int *kept[64];

extern "C" __global__ void keep() {
    int length = threadIdx.x + 1;
    int *row = static_cast<int *>(malloc(length * sizeof(int)));
    for (int i = 0; i < length; i++) row[i] = i * length;
    kept[threadIdx.x] = row;
}

extern "C" __global__ void use(int *out) {
    int length = threadIdx.x + 1, sum = 0;
    for (int i = 0; i < length; i++) sum += kept[threadIdx.x][i];
    free(kept[threadIdx.x]);
    out[threadIdx.x] = sum;
}

extern "C" __global__ void too_much(int *out) {
    out[threadIdx.x] = malloc(1ull << 40) == nullptr;
    free(nullptr);
}
