// Switches: dense ones that become jump tables, falling through, with a barrier in a case; a small byte-code machine.

extern "C" __global__ void dense(int *out, const int *in, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    int x = in[i], r = 1;
    switch (x) {
        case 0: r = i * 3; break;
        case 1: r = i ^ 0x55;  // falls through
        case 2: r += 7; break;
        case 3: r = i / 3; break;
        case 4: for (int k = 0; k < i; k++) r += k * k; break;
        case 5: r = -i; break;
        case 6: out[i] = 6; return;
        case 7: r = __popc(i);  // falls through
        case 8: r *= 5;         // falls through
        case 9: r -= 2; break;
        case 10: r = i << 3; break;
        case 11: r = i % 11; break;
        default: r = -1;
    }
    out[i] = r * 2 + 1;
}

enum { PUSH, ADD, MUL, SWAP, DUP, JUMP_IF, SUB, DEC, HALT };

extern "C" __global__ void interpret(int *out, const int *code, const int *starts, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    int stack[16], top = 0, pc = starts[i % 3];
    stack[top++] = i % 9;
    for (;;) {
        int a, b;
        switch (code[pc++]) {
            case PUSH: stack[top++] = code[pc++]; break;
            case ADD: b = stack[--top]; a = stack[--top]; stack[top++] = a + b; break;
            case MUL: b = stack[--top]; a = stack[--top]; stack[top++] = a * b; break;
            case SUB: b = stack[--top]; a = stack[--top]; stack[top++] = a - b; break;
            case SWAP: b = stack[top - 1]; stack[top - 1] = stack[top - 2]; stack[top - 2] = b; break;
            case DUP: stack[top] = stack[top - 1]; top++; break;
            case DEC: stack[top - 1]--; break;
            case JUMP_IF: a = code[pc++]; if (stack[top - 1] > 0) pc = a; break;
            default: out[i] = top >= 2 ? stack[top - 2] : stack[top - 1]; return;
        }
    }
}
